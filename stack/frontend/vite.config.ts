import { defineConfig } from "vite";

export default defineConfig({
  oxc: { jsx: { runtime: "automatic" } },
  build: {
    // Nothing as a data: URI, no helper that old browsers would need: the Content-Security-Policy stays `default-src 'self'`.
    assetsInlineLimit: 0,
    modulePreload: false,
  },
  // `npm run dev`: the API of a running deployment, e.g. SITE=https://tickets.example npm run dev
  server: { proxy: Object.fromEntries(["/api", "/ws", "/version"].map((path) => [path, site(path)])) },
});

function site(path: string) {
  const target = process.env.SITE ?? "http://127.0.0.1:8080";
  return { target, ws: path === "/ws", changeOrigin: true };
}
