/** A table as CSV (RFC 4180); null is empty. */
export function csvOf(
  columns: readonly string[],
  rows: readonly (readonly (string | number | boolean | null)[])[],
): string {
  const line = (cells: readonly unknown[]) =>
    `${cells.map((cell) => quoted(String(cell ?? ''))).join(',')}\r\n`
  return [columns, ...rows].map(line).join('')
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
