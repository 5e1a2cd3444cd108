/** What went wrong, in words for the person in front of the screen and by field where the API named one. */

export class ApiError extends Error {
  readonly status: number;
  readonly code: string | undefined;
  readonly fields: Record<string, string>;

  constructor(status: number, message: string, fields: Record<string, string> = {}, code?: string) {
    super(message);
    this.status = status;
    this.fields = fields;
    this.code = code;
  }
}

const CALM: Record<number, string> = {
  0: "There is no connection to the site right now. Try again in a moment.",
  403: "You may not do this.",
  404: "There is nothing here, or it is not yours to see.",
  413: "This is too large to be sent.",
  429: "Too many attempts. Try again in a moment.",
  502: "The site is held for a moment. Try again shortly.",
  503: "The site is held for a moment. Try again shortly.",
  504: "The site is held for a moment. Try again shortly.",
};
// The services word these themselves, and better than a table could.
const WORDED_BY_SERVICES = new Set([400, 401, 403, 409, 413, 422, 507]);

/** From an answer of Django REST framework: {"detail": …} or {"field": ["…"]}. */
export function errorFrom(status: number, body: unknown): ApiError {
  const given = isRecord(body) ? body : {};
  const detail = typeof given.detail === "string" ? given.detail : undefined;
  const code = typeof given.code === "string" ? given.code : undefined;
  const fields = status === 400 ? fieldErrors(given) : {};
  const message = (WORDED_BY_SERVICES.has(status) && (fields.non_field_errors ?? sentence(detail))) || CALM[status];
  if (message) return new ApiError(status, message, fields, code);
  const fallback = Object.keys(fields).length > 0 ? "Please look at the marked fields." : "Something went wrong. Try again in a moment.";
  return new ApiError(status, fallback, fields, code);
}

function fieldErrors(body: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(body)
      .filter(([name]) => name !== "detail" && name !== "code")
      .map(([name, said]) => [name, sentence([said].flat().join(" ")) ?? ""]),
  );
}

function sentence(text: string | undefined): string | undefined {
  if (!text) return undefined;
  const start = text[0]!.toUpperCase() + text.slice(1);
  return /[.!?]$/.test(start) ? start : `${start}.`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
