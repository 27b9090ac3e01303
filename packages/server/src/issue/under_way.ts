// Attempts whose outcome is not known yet, by name: who finds no place among them may wait for one to come out well.

export interface UnderWay {
  begin(name: string): void
  /** One of that name is over, whatever came of it. */
  end(name: string): void
  /** Resolves when one of that name is over; undefined if none is under way, or too many wait already. */
  next(name: string): Promise<void> | undefined
}

/** @param mostWaiting for one name */
export function createUnderWay(mostWaiting: number): UnderWay {
  const names = new Map<string, { count: number; readonly waiting: (() => void)[] }>()
  return {
    begin(name) {
      const known = names.get(name)
      if (known) known.count += 1
      else names.set(name, { count: 1, waiting: [] })
    },
    end(name) {
      const known = names.get(name)
      if (!known) return
      known.count -= 1
      if (known.count > 0) return known.waiting.shift()?.()
      names.delete(name)
      for (const wake of known.waiting) wake()
    },
    next(name) {
      const known = names.get(name)
      if (!known || known.waiting.length >= mostWaiting) return undefined
      return new Promise((resolve) => {
        known.waiting.push(resolve)
      })
    },
  }
}
