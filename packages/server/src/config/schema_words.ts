// The words of the configuration's schema (zod): texts, numbers, times, references and addresses, each with its mistake as the rest of a
// sentence. schema.ts makes the whole of them.
import { isPlainObject } from '@countersign/protocol/dialect/shape'
import { isScopeToken } from '@countersign/protocol/oauth/scope'
import { z } from 'zod'
import { addressProblem } from './address.ts'
import { API_KEY_ID } from './api_key.ts'
import { lifetime, moment } from './lifetime.ts'

/** A strict object; the names it knows are told where another one comes. */
export const object = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.strictObject(shape, { error: (issue) => (issue.code === 'unrecognized_keys' ? Object.keys(shape).join(', ') : undefined) })

export const text = (pattern: RegExp, meaning: string) => z.string().regex(pattern, { error: `must be ${meaning}` })
export const id = text(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'a name of a-z, 0-9, - and _ with at most 64 characters')
export const apiKeyId = text(API_KEY_ID, 'a name of letters, digits, - and _ with at most 64 characters')
export const displayName = text(/^[^\p{Cc}]{1,128}$/u, 'a text of 1 to 128 characters')
export const url = text(/^\S{1,2048}$/, 'a URL')
export const path = text(/^.{1,4096}$/, 'a path')
export const identifier = text(/^[\x21\x22\x24-\x7e]{1,512}$/, 'a URI without a fragment or a name, of visible ASCII characters')
export const host = text(
  /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$/,
  'a host name without scheme, port and slash',
)
export const scope = z.string().refine(isScopeToken, { error: 'must be a scope value of RFC 6749 section 3.3, without spaces and quotes' })
export const port = z
  .number()
  .refine((value) => Number.isInteger(value) && value >= 0 && value <= 65_535, { error: 'must be a whole number from 0 to 65535' })

export const seconds = (most: number, meaning: string) =>
  z.custom<number | string>((value) => lifetime(value) <= most, {
    error: `must be whole seconds or a text like '15m', '12h' or '30d', ${meaning}`,
  })
export const end = z.custom<number | string>((value) => !Number.isNaN(moment(value)), {
  error: "must be epoch seconds or a date like '2030-12-31'",
})

/** Whatever comes in its place must not be echoed: it may be the secret. */
export const secretRef = (...kinds: readonly ('env' | 'file' | 'hash')[]) =>
  z.unknown().superRefine((value, context) => {
    const forms = kinds.map((kind) => FORMS[kind]).join(' or ')
    if (typeof value === 'string') {
      context.addIssue({
        code: 'custom',
        message: `must not be the secret itself: write ${forms} (\`countersign init\` and \`countersign hash\` make them)`,
      })
    } else if (!isPlainObject(value) || Object.keys(value).length !== 1 || !kinds.some((kind) => typeof value[kind] === 'string')) {
      context.addIssue({ code: 'custom', message: value === undefined ? 'is missing' : `must be ${forms}` })
    } else if ('env' in value && !/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(String(value['env']))) {
      context.addIssue({ code: 'custom', message: 'must name an environment variable of letters, digits and _' })
    }
  })
const FORMS = { env: "{ env: 'NAME' }", file: "{ file: 'PATH' }", hash: "{ hash: '...' }" }
export const secret = secretRef('env', 'file', 'hash')

const MOST_ADDRESSES = 100
export const addresses = z
  .array(z.string().refine((value) => addressProblem(value) === undefined, { error: (issue) => addressProblem(String(issue.input)) ?? '' }))
  .max(MOST_ADDRESSES, { error: `must have at most ${MOST_ADDRESSES} entries` })

export const whole = (least: number, most: number) =>
  z.custom<number>((value) => Number.isInteger(value) && Number(value) >= least && Number(value) <= most, {
    error: `must be a whole number from ${least} to ${most}`,
  })
