/** Words and numbers as people read them. */

const MOMENT = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

export function moment(iso: string): string {
  return MOMENT.format(new Date(iso));
}

const DAY = new Intl.DateTimeFormat("en", { dateStyle: "medium" });

export function day(iso: string): string {
  return DAY.format(new Date(iso));
}

/** The day of the reader's place, as a date field has it; "" for none. */
export function dayOf(iso: string | null | undefined): string {
  if (!iso) return "";
  const at = new Date(iso);
  const two = (number: number) => String(number).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** Until the last second of that day at the reader's place; null for none. */
export function endOf(date: string): string | null {
  return date ? new Date(`${date}T23:59:59`).toISOString() : null;
}

export function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  const kib = size / 1024;
  return kib < 1024 ? `${Math.round(kib)} KB` : `${(kib / 1024).toFixed(1)} MB`;
}

/** in_progress → In progress */
export function label(key: string): string {
  const words = key.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
