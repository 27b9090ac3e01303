// What one of several nodes lets through of a rate that is nowhere added up: its share, so that all together let through the whole, however
// requests are spread. docs/decisions/0028.
import type { SlidingRate } from '@countersign/protocol/oauth/sliding_rate'
import { isRate } from '@countersign/protocol/oauth/sliding_rate'

/**
 * Exact in the long run; at once each node lets through its part of the burst, or the one request at hand if that costs more: what passes a
 * single node some time passes every node some time.
 * @param nodes that live, at least 1. @param tenths the price of what is drawn
 */
export function shareOfRate(rate: SlidingRate, nodes: number, tenths: number): SlidingRate {
  if (nodes <= 1) return rate
  const whole = Math.min(rate.burst, Math.ceil(tenths / TENTHS))
  const share = { limit: rate.limit, seconds: rate.seconds * nodes, burst: Math.max(1, whole, Math.floor(rate.burst / nodes)) }
  return isRate(share) ? share : rate
}

/** Of a number that may be under way at once: at least 1. */
export function shareOfCount(count: number, nodes: number): number {
  return nodes <= 1 ? count : Math.max(1, Math.floor(count / nodes))
}

const TENTHS = 10
