/** Files on their way to a ticket. */

import { tickets } from "./api/calls.ts";
import { ApiError } from "./api/errors.ts";
import type { Attachment } from "./api/types.ts";

const MOST_BYTES = 8 * 1024 * 1024;

export type Upload = { attached: Attachment[]; failures: string[] };

/** One after the other; one that fails stops no other. */
export async function upload(ticket: number, files: File[], progress: (done: number) => void): Promise<Upload> {
  const result: Upload = { attached: [], failures: [] };
  for (const [index, file] of files.entries()) {
    progress(index);
    try {
      result.attached.push(await attach(ticket, file));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      result.failures.push(`${file.name}: ${error.fields.file ?? error.message}`);
    }
  }
  return result;
}

async function attach(ticket: number, file: File): Promise<Attachment> {
  // The server says so too, but only after the whole of it has travelled.
  if (file.size > MOST_BYTES) throw new ApiError(413, "A file may have 8 MB at most.");
  return tickets.attach(ticket, file);
}

export function chosen(values: FormData, name: string): File[] {
  // A file input that was left empty sends one file without a name.
  return values.getAll(name).filter((one): one is File => one instanceof File && one.name !== "");
}
