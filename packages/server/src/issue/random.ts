// Randomness as the issuer needs it; made in server/compose.ts.

export interface Random {
  /** A credential nobody guesses: 256 random bits, base64url. */
  secret(): string
  /** A name that is never given twice: 122 random bits. */
  id(): string
  bytes(length: number): Uint8Array
}
