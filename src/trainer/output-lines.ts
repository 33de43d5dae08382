import type { DatasetFacts } from '../data/dataset-facts.ts'
import type { EngineReport } from '../engine/report.ts'
import type { MeasuredEpoch } from '../runs/model/measurements.ts'
import { analyze } from '../zoo/analysis.ts'
import type { Architecture } from '../zoo/architecture.ts'

/** A line of the run's output, for people. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** "NATIVE on Intel Xeon, AVX-512, 2 threads": the device says the threads where they are ours to choose. */
export function engineLine({ kind, device }: EngineReport): string {
  return `Engine: ${kind} on ${device}`
}

export function datasetLine(
  { count, imageShape }: Pick<DatasetFacts, 'count' | 'imageShape'>,
  used: { trainLimit: number | null; testLimit: number | null },
): string {
  const of = (all: number, limit: number | null) =>
    limit === null || limit >= all ? number(all) : `${number(limit)} of ${number(all)}`
  const shape = imageShape.join('x')
  return `Data set: ${of(count.train, used.trainLimit)} training and ${of(count.test, used.testLimit)} test images of ${shape}`
}

export function networkLine(architecture: Architecture, steps: number, epochs: number): string {
  const parameters = analyze(architecture).parameterCount
  return `Network: ${architecture.name} with ${number(parameters)} parameters; ${number(steps)} steps in ${number(epochs)} epochs`
}

export function epochLine(epoch: MeasuredEpoch, epochs: number): string {
  const { trainLoss, trainAccuracy, testLoss, testAccuracy, seconds } = epoch
  const result = (loss: number | null, accuracy: number | null) =>
    loss === null || accuracy === null
      ? 'not finite'
      : `loss ${loss.toFixed(4)}, ${(accuracy * 100).toFixed(2)} % right`
  return `Epoch ${epoch.epoch} of ${epochs}: training ${result(trainLoss, trainAccuracy)}; test ${result(testLoss, testAccuracy)}; ${seconds.toFixed(1)} s`
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
