// Snapshots of one or several processes as one Prometheus text (exposition format 0.0.4).
import type { FamilySnapshot, HistogramSnapshot, MetricsSnapshot, SampleSnapshot, Together } from './metrics.ts'

/** Counters and histograms are summed by name and labels; a gauge is what its family says. */
export function textOf(snapshots: readonly MetricsSnapshot[]): string {
  const byName = new Map<string, FamilySnapshot[]>()
  for (const { families } of snapshots) {
    for (const family of families) byName.set(family.name, [...(byName.get(family.name) ?? []), family])
  }
  return [...byName.values()].map(familyText).join('')
}

function familyText(families: readonly FamilySnapshot[]): string {
  const [first] = families
  if (!first) return ''
  const { name, help, type, together } = first
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`]
  const samples = families.flatMap((family) => family.samples)
  for (const { labels, value } of combined(samples, together)) lines.push(line(name, labels, value))
  for (const one of merged(families.flatMap((family) => family.histograms))) lines.push(...histogramLines(name, one))
  return `${lines.join('\n')}\n`
}

const COMBINE: Readonly<Record<Together, (a: number, b: number) => number>> = {
  sum: (a, b) => a + b,
  max: Math.max,
  min: Math.min,
}

function combined(samples: readonly SampleSnapshot[], together: Together): SampleSnapshot[] {
  const values = new Map<string, number>()
  for (const { labels, value } of samples) {
    const before = values.get(labels)
    values.set(labels, before === undefined ? value : COMBINE[together](before, value))
  }
  return [...values].map(([labels, value]) => ({ labels, value }))
}

function merged(histograms: readonly HistogramSnapshot[]): HistogramSnapshot[] {
  const byLabels = new Map<string, HistogramSnapshot>()
  for (const one of histograms) {
    const before = byLabels.get(one.labels)
    const counts = before ? one.counts.map((count, n) => count + (before.counts[n] ?? 0)) : one.counts
    byLabels.set(one.labels, { ...one, counts, sum: one.sum + (before?.sum ?? 0) })
  }
  return [...byLabels.values()]
}

function histogramLines(name: string, { labels, bounds, counts, sum }: HistogramSnapshot): string[] {
  const lines: string[] = []
  const more = labels === '' ? '' : `${labels},`
  let below = 0
  for (const [n, count] of counts.entries()) {
    below += count
    lines.push(line(`${name}_bucket`, `${more}le="${bounds[n] ?? '+Inf'}"`, below))
  }
  lines.push(line(`${name}_sum`, labels, sum), line(`${name}_count`, labels, below))
  return lines
}

function line(name: string, labels: string, value: number): string {
  return `${name}${labels === '' ? '' : `{${labels}}`} ${Number.isInteger(value) ? value : Number(value.toPrecision(12))}`
}
