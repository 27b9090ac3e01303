// Counters, gauges and histograms as plain numbers, and a snapshot of them as plain data, which travels between processes.
// A series is looked up once, when its labels are known; counting is an addition. Owns no name of a metric and no text.

export interface Counter {
  value: number
}

export interface Histogram {
  /** Upper bounds, ascending; what is above the last is in the bucket behind it. */
  readonly bounds: readonly number[]
  /** By bound, not cumulated. */
  readonly counts: number[]
  sum: number
}

/** How one figure comes from those of several processes. */
export type Together = 'sum' | 'max' | 'min'

export interface SampleSnapshot {
  /** `realm="a",grant="b"`, ready to print; '' without labels. */
  readonly labels: string
  readonly value: number
}

export interface HistogramSnapshot {
  readonly labels: string
  readonly bounds: readonly number[]
  readonly counts: readonly number[]
  readonly sum: number
}

export interface FamilySnapshot {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly together: Together
  readonly samples: readonly SampleSnapshot[]
  readonly histograms: readonly HistogramSnapshot[]
}

/** Plain data: it survives JSON and a structured clone. */
export interface MetricsSnapshot {
  readonly families: readonly FamilySnapshot[]
}

type Labels = Readonly<Record<string, string>>

export interface Metrics {
  /** The series of these labels, to be kept by whoever counts. */
  readonly counter: (name: string, help: string) => (labels?: Labels) => Counter
  readonly histogram: (name: string, help: string, bounds: readonly number[]) => (labels?: Labels) => Histogram
  /** Read when a snapshot is taken. @param together default: sum */
  readonly gauge: (name: string, help: string, read: () => readonly GaugeReading[], options?: GaugeOptions) => void
  readonly snapshot: () => MetricsSnapshot
}

export interface GaugeReading {
  readonly labels?: Labels
  readonly value: number
}

interface GaugeOptions {
  readonly together?: Together
  /** `counter` for what the system counts itself. */
  readonly type?: 'gauge' | 'counter'
}

export function createMetrics(): Metrics {
  const families = new Map<string, () => FamilySnapshot>()
  const add = (name: string, read: () => FamilySnapshot): void => {
    if (families.has(name)) throw new TypeError(`The metric ${name} is there twice.`)
    families.set(name, read)
  }
  return {
    counter(name, help) {
      const series = new Map<string, Counter>()
      const head = { name, help, type: 'counter', together: 'sum', histograms: [] } as const
      add(name, () => ({ ...head, samples: [...series].map(([labels, { value }]) => ({ labels, value })) }))
      return (labels) => known(series, labelsText(labels), () => ({ value: 0 }))
    },
    histogram(name, help, bounds) {
      const series = new Map<string, Histogram>()
      const head = { name, help, type: 'histogram', together: 'sum', samples: [] } as const
      add(name, () => ({
        ...head,
        histograms: [...series].map(([labels, { counts, sum }]) => ({ labels, bounds, counts: [...counts], sum })),
      }))
      const make = (): Histogram => ({ bounds, counts: Array<number>(bounds.length + 1).fill(0), sum: 0 })
      return (labels) => known(series, labelsText(labels), make)
    },
    gauge(name, help, read, { together = 'sum', type = 'gauge' } = {}) {
      const samples = () => read().map(({ labels, value }) => ({ labels: labelsText(labels), value }))
      add(name, () => ({ name, help, type, together, samples: samples(), histograms: [] }))
    },
    snapshot: () => ({ families: [...families.values()].map((read) => read()) }),
  }
}

/** One observation. A loop over the few bounds: the small ones, which are frequent, come first. */
export function observe(histogram: Histogram, value: number): void {
  const { bounds, counts } = histogram
  let at = 0
  while (at < bounds.length && value > (bounds[at] ?? 0)) at += 1
  counts[at] = (counts[at] ?? 0) + 1
  histogram.sum += value
}

function known<Series>(series: Map<string, Series>, labels: string, make: () => Series): Series {
  const found = series.get(labels)
  if (found) return found
  const made = make()
  series.set(labels, made)
  return made
}

function labelsText(labels: Labels = {}): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`)
    .join(',')
}
