/** Of which account the link of a mail is, as it says itself: for people to read. Whether it is true, auth-service knows,
 * which takes no link that it did not sign. Undefined for one of an older release, and for what is no link. */
export function accountToMove(token: string): string | undefined {
  try {
    const said: unknown = JSON.parse(atob(token.split(":")[0]!.replaceAll("-", "+").replaceAll("_", "/")));
    const old: unknown = Array.isArray(said) ? said[3] : undefined;
    return typeof old === "string" ? old : undefined;
  } catch {
    return undefined;
  }
}
