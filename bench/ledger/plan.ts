// How long and how often what a budget costs is measured.

export interface LedgerPlan {
  readonly rounds: number
  readonly warmupSeconds: number
  /** Of one run of one server. */
  readonly seconds: number
  readonly recordRounds: number
  /** Of one run of one store. */
  readonly recordMillis: number
  /** Commits a figure of the disk is the median of. */
  readonly commits: number
}
