// How far clocks may be apart: those of the issuer's nodes, and of guards elsewhere. FAPI 2.0 section 5.3.2.1.

/** Seconds that a token may be issued ahead of this clock, and live on behind the end of what a revocation names. */
export const CLOCK_LEAD = 10
