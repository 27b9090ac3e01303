// A database whose statements are heard, for the plans that are made for them.
import type { Sql, Unit } from '../../src/store/sql.ts'

/** @param texts takes each statement that is read or written, once */
export const spied = (sql: Sql, texts: Set<string>): Sql => {
  function* spy<T>(steps: Unit<T>): Unit<T> {
    let step = steps.next()
    while (!step.done) {
      texts.add(step.value.sql)
      step = steps.next(yield step.value)
    }
    return step.value
  }
  return {
    ...sql,
    read: (asked) => {
      texts.add(asked.sql)
      return sql.read(asked)
    },
    write: (unit) => sql.write(() => spy(unit())),
    commit: (unit) => sql.commit(() => spy(unit())),
  }
}
