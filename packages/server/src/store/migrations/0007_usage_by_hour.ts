// The bill without a second index: a line that is new writes one page and not two. One client's lines are found hour by hour (tables/usage_lines.ts).
import type { Migration } from './migration.ts'

export const usageByHour: Migration = () => ['DROP INDEX usage_hours_by_client']
