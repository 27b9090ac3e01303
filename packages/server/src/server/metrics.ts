// Counters as Prometheus text. The names are part of the operator's contract: they stay.

export interface Metrics {
  /** Adds one. @param series name with its labels, ready to print: `countersign_verdicts_total{code="allowed"}`. */
  count(series: string): void
  text(): string
}

export function createMetrics(): Metrics {
  const counters = new Map<string, number>()
  return {
    count: (series) => counters.set(series, (counters.get(series) ?? 0) + 1),
    text() {
      const memory = process.memoryUsage.rss()
      const lines = [`process_resident_memory_bytes ${memory}`, `process_uptime_seconds ${process.uptime().toFixed(3)}`]
      for (const [series, value] of counters) lines.push(`${series} ${value}`)
      return `${lines.join('\n')}\n`
    },
  }
}
