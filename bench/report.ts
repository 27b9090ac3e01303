// Tables and verdicts on the terminal. Owns how figures look, not what they are.

export type Cell = string | number

/** Right-aligned numbers, left-aligned first column. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = [head, ...rows.map((row) => row.map((cell) => (typeof cell === 'number' ? figure(cell) : cell)))]
  const widths = head.map((_, column) => Math.max(...texts.map((row) => (row[column] ?? '').length)))
  return texts.map((row) => `  ${row.map((text, column) => pad(text, widths[column] ?? 0, column === 0)).join('  ')}`.trimEnd()).join('\n')
}

/** Three digits that count, whole above 100. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-'
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US')
  return value.toPrecision(value === 0 ? 1 : 3)
}

export interface Target {
  readonly what: string
  readonly measured: number
  readonly unit: string
  readonly bound: number
  readonly sense: 'at least' | 'at most'
}

/** One line a target, with whether it is met; what could not be measured is not met. */
export function targetLines(targets: readonly Target[]): string {
  const rows = targets.map((target) => [
    target.what,
    `${figure(target.measured)}${target.unit}`,
    `${target.sense} ${figure(target.bound)}${target.unit}`,
    met(target) ? 'met' : 'MISSED',
  ])
  return table(['target', 'measured', 'wanted', ''], rows)
}

export function met({ measured, bound, sense }: Target): boolean {
  return sense === 'at least' ? measured >= bound : measured <= bound
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** A line that tells how far it is: overwritten on a terminal. */
export function progress(text: string): void {
  if (process.stdout.isTTY) process.stdout.write(`\r\u001b[2K  ${text}`)
  else process.stdout.write(`  ${text}\n`)
}

export function progressDone(): void {
  if (process.stdout.isTTY) process.stdout.write('\r\u001b[2K')
}

function pad(text: string, width: number, left: boolean): string {
  return left ? text.padEnd(width) : text.padStart(width)
}
