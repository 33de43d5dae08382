import type { RunCard } from '../live/runs-changed.ts'

export type Status = RunCard['status']

export const STATUSES: readonly Status[] = [
  'QUEUED',
  'PREPARING',
  'RUNNING',
  'PAUSED',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
]

/** As many as can be compared. */
export const MAX_SELECTED = 10

/** What runs are listed by: the word in the address, the API's name of it, and which end people look for first. */
export const SORTS = {
  number: { field: 'NUMBER', first: 'DESC' },
  accuracy: { field: 'BEST_TEST_ACCURACY', first: 'DESC' },
  loss: { field: 'LAST_TEST_LOSS', first: 'ASC' },
  duration: { field: 'SECONDS', first: 'ASC' },
  speed: { field: 'IMAGES_PER_SECOND', first: 'DESC' },
} as const

export type SortName = keyof typeof SORTS
export type Direction = 'ASC' | 'DESC'

export interface Sort {
  by: SortName
  direction: Direction
}

export interface View {
  status: readonly Status[]
  architecture: string | null
  search: string
  sort: Sort
  /** Null: those that differ. */
  columns: readonly string[] | null
  /** Numbers of runs. */
  selected: readonly number[]
}

/** What the address says of the list. What it cannot mean is passed over. */
export function viewOf(query: URLSearchParams): View {
  return {
    status: list(query.get('status')).filter((one): one is Status => STATUSES.includes(one as Status)),
    architecture: query.get('arch') || null,
    search: query.get('q') ?? '',
    sort: sortOf(query.get('sort')),
    columns: query.has('cols') ? list(query.get('cols')) : null,
    selected: numbersOf(query.get('sel'), MAX_SELECTED),
  }
}

/** Numbers of runs, each once: "41,42". */
export function numbersOf(text: string | null, most: number): number[] {
  const numbers = list(text)
    .map(Number)
    .filter((number) => Number.isSafeInteger(number) && number > 0 && number < 2 ** 31)
  return [...new Set(numbers)].slice(0, most)
}

function list(text: string | null): string[] {
  return text === null ? [] : text.split(',').filter((part) => part !== '')
}

/** "loss" or "loss.desc" */
function sortOf(text: string | null): Sort {
  const [name = '', direction] = (text ?? '').split('.')
  if (!Object.hasOwn(SORTS, name)) return { by: 'number', direction: 'DESC' }
  const by = name as SortName
  return { by, direction: direction === 'asc' ? 'ASC' : direction === 'desc' ? 'DESC' : SORTS[by].first }
}

/** As the address has it; null for the order that it has without a word. */
export function sortText({ by, direction }: Sort): string | null {
  if (by === 'number' && direction === 'DESC') return null
  return direction === SORTS[by].first ? by : `${by}.${direction.toLowerCase()}`
}
