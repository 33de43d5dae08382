/** Where a trainer printed a line. */
export type OutputStream = 'STDOUT' | 'STDERR'

/** How a trainer ended, in words that can go into a run's failure. */
export interface TrainerEnd {
  /** 'killed': by whoever may, without a word; 'exited': in all other ways, good and bad. */
  kind: 'exited' | 'killed' | 'outOfMemory'
  /** The same in a few words, such as "exit code 1". */
  how: string
  /** The line of its errors that says most; null when it said nothing. */
  lastWords: string | null
}

export interface TrainerListener<FromTrainer> {
  onMessage(message: FromTrainer): void
  /** Called with each line that the trainer prints. */
  onOutput(line: string, stream: OutputStream): void
}

/** A trainer that was launched. It does not outlive who launched it, by whatever death of that. */
export interface LaunchedTrainer<ToTrainer> {
  /** By which a person finds it where it runs. For the logger alone. */
  readonly name: number | string | undefined
  /** Messages to a trainer that is gone are dropped: its end is what one hears of it. */
  send(message: ToTrainer): void
  /** Ends it at once, whatever it is doing, and wherever it runs. */
  kill(): void
  /** Resolves once, after its last message and its last line have been delivered. Never rejects. */
  readonly ended: Promise<TrainerEnd>
}

/** Starts trainers, one for each attempt of a run. Messages are structured clones: typed arrays pass. */
export interface TrainerLauncher<ToTrainer, FromTrainer> {
  /** One that could not be started has ended. */
  launch(listener: TrainerListener<FromTrainer>): LaunchedTrainer<ToTrainer>
}
