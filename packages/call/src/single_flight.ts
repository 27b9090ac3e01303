// One piece of work at a time for each key: those who come while it runs share its outcome. It keeps nothing afterwards.

export interface SingleFlight<Result> {
  run(key: string, work: () => Promise<Result>): Promise<Result>
}

export function createSingleFlight<Result>(): SingleFlight<Result> {
  const flights = new Map<string, Promise<Result>>()
  return {
    run(key, work) {
      const running = flights.get(key)
      if (running) return running
      const flight = work().finally(() => flights.delete(key))
      flights.set(key, flight)
      return flight
    },
  }
}
