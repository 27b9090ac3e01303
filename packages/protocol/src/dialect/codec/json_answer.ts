// JSON answers as the dialect lists their members: written in that order, read back by name. Used for tokens and errors.
import type { Json, Member } from '../dialect.ts'
import { isPlainObject } from '../shape.ts'

type Values<Source extends string> = Readonly<Partial<Record<Source, Json>>>

export interface AnswerDialect<Source extends string> {
  readonly envelope: string | null
  readonly members: readonly Member<Source>[]
}

export function jsonAnswerWriter<Source extends string>(
  { members, envelope }: AnswerDialect<Source>,
  verbatim: boolean,
): (values: Values<Source>) => string {
  const written = writtenMembers(members, verbatim)
  return (values) => {
    const answer: Record<string, Json> = {}
    for (const member of written) {
      const value = memberValue(member, values)
      if (value !== undefined) answer[member.name] = value
    }
    return JSON.stringify(envelope === null ? answer : { [envelope]: answer })
  }
}

/** What the members of a value say, by source; undefined if it is not such an answer at all. */
export function jsonAnswerReader<Source extends string>(
  { members, envelope }: AnswerDialect<Source>,
  verbatim: boolean,
): (value: unknown) => Partial<Record<Source, unknown>> | undefined {
  const written = writtenMembers(members, verbatim)
  // Members the other mode writes are understood too, unless their name means something else in this one; ours win.
  const names = new Set(written.map((member) => member.name))
  const understood = [...members.filter((member) => !names.has(member.name)), ...written]
  return (value) => {
    const answer = envelope === null ? value : memberOf(value, envelope)
    if (!isPlainObject(answer)) return undefined
    const values: Partial<Record<Source, unknown>> = {}
    for (const member of understood) {
      if (member.from === undefined || !Object.hasOwn(answer, member.name)) continue
      const one = answer[member.name]
      if (!isAbsent(member, one)) values[member.from] = one
    }
    return values
  }
}

function writtenMembers<Source extends string>(members: readonly Member<Source>[], verbatim: boolean): readonly Member<Source>[] {
  return members.filter((member) => member.verbatim !== (verbatim ? 'omit' : 'only'))
}

function memberOf(value: unknown, name: string): unknown {
  return isPlainObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

/** Whether a value is the one written where there is none: `refresh_expires_in: 0` says nothing about an end. */
function isAbsent(member: Member<string>, value: unknown): boolean {
  return member.absent !== undefined && JSON.stringify(value) === JSON.stringify(member.absent)
}

function memberValue<Source extends string>(member: Member<Source>, values: Values<Source>): Json | undefined {
  if (member.from === undefined) return member.constant
  const value = values[member.from]
  if (value === undefined) return member.absent
  if (member.as === 'text' && typeof value === 'number') return String(value)
  if (member.as === 'list' && typeof value === 'string') return value === '' ? [] : value.split(' ')
  return value
}
