// What every server under test is asked for, and what every token must say: the same for all, so that the work is the same.

export const CLIENT_ID = 'bench'
export const CLIENT_SECRET = 'Zq3mV8yN1tR6wK0pXc5uJ9bL2hF7dGsA4eYoTiQnUvM'
export const AUDIENCE = 'https://api.example.com'
/** Seconds. */
export const LIFETIME = 900

/** client_credentials with client_secret_post: RFC 6749 sections 4.4 and 2.3.1. */
export const TOKEN_BODY = new URLSearchParams({
  grant_type: 'client_credentials',
  client_id: CLIENT_ID,
  client_secret: CLIENT_SECRET,
}).toString()

export const ALGORITHMS = ['ES256', 'RS256'] as const
export type BenchAlgorithm = (typeof ALGORITHMS)[number]
