/** A figure that `npm run bench -- NAME` prints; bench/NAME.ts exports it as `bench`. */
export interface Bench<Option extends string = string> {
  /** One line, as the list of all benches shows it. */
  measures: string
  /** How long, on two cores that have nothing else to do. */
  takes: string
  /** What has to be on the machine, or is fetched; null for nothing but what `npm install` brings. */
  needs: string | null
  /** What `--name=value` says, by its name. BENCH_NAME in the environment says the same. */
  options?: Readonly<Record<Option, string>>
  /** Sets `process.exitCode` where a figure is worse than it may be. */
  run(options: Readonly<Partial<Record<Option, string>>>): Promise<void>
}

/** Ties the options that `run` reads to those that the bench describes. */
export function defineBench<const Option extends string = never>(bench: Bench<Option>): Bench<Option> {
  return bench
}

/** What the caller asked for makes no sense: it is told in a line, without a stack. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The items of `one,two`, or undefined where nothing was said. */
export function listOf(text: string | undefined): string[] | undefined {
  return text
    ?.split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
