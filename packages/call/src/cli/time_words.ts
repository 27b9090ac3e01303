// Moments and durations as a person reads them.

/** Two largest units. */
export function duration(seconds: number): string {
  const units = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const
  const from = units.findIndex(([count]) => count > 0)
  if (from < 0) return '0 s'
  const shown = units.slice(from, from + 2).filter(([count]) => count > 0)
  return shown.map(([count, unit]) => `${count} ${unit}`).join(' ')
}

/** ISO 8601 in the local zone, with its offset. */
export function localTime(epoch: number): string {
  const at = new Date(epoch * 1000)
  const offset = -at.getTimezoneOffset()
  const shifted = new Date((epoch + offset * 60) * 1000)
  if (Number.isNaN(shifted.getTime())) return `${epoch}`
  const two = (number: number): string => String(Math.floor(Math.abs(number))).padStart(2, '0')
  return `${shifted.toISOString().slice(0, 19)}${offset < 0 ? '-' : '+'}${two(offset / 60)}:${two(offset % 60)}`
}
