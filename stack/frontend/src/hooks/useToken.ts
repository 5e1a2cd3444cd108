import { useState } from "react";
import { useSearchParams } from "wouter";

/** What the link of a mail brought. Nothing is sent before somebody says so: programs open links too. */
export function useToken(): string {
  const [params] = useSearchParams();
  const [token] = useState(params.get("token") ?? "");
  return token;
}
