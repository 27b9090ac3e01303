// Tokens of an issuer that is several machines: issued in the future by a little, and yet not good for a second longer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkClaims } from '../../src/jose/claims_check.ts'

const NOW = 1_790_000_000
