import { describe, expect, test } from 'vitest'
import type { OutputStream, TrainerEnd, TrainerLauncher } from '../../../src/ports/trainer-launcher.ts'

/** What the trainer of the contract does when it is told so: test/support/scripted/scripted-trainer.mjs. */
export type Step =
  | { say: unknown }
  | { print: string; to: OutputStream }
  | { exit: number }
  /** Without end, and without hearing anything. */
  | { compute: true }

/**
 * What every implementation of the port TrainerLauncher must do.
 * @param launcher  of trainers that do the steps that they are sent
 */
export function describeTrainerLauncher(launcher: TrainerLauncher<Step[], unknown>): void {
  describe('a launcher of trainers', () => {
    /** Launches one; what it says, prints and comes to stands in `heard` in its order. */
    function launch() {
      const heard: unknown[] = []
      let wake = () => {}
      const hear = (what: unknown) => {
        heard.push(what)
        wake()
      }
      const trainer = launcher.launch({
        onMessage: hear,
        onOutput: (line, stream) => hear({ line, stream }),
      })
      void trainer.ended.then((end) => hear({ end }))
      return {
        ...trainer,
        heard,
        async hears(count: number) {
          while (heard.length < count) {
            await new Promise<void>((resolve) => {
              wake = resolve
            })
          }
          return heard
        },
      }
    }

    /** How a trainer ends that does these steps. */
    const endOf = async (...steps: Step[]): Promise<TrainerEnd> => {
      const trainer = launch()
      trainer.send(steps)
      return trainer.ended
    }

    test('hands messages on in both directions, in their order, typed arrays as such', async () => {
      const trainer = launch()
      const message = { type: 'points', losses: new Float32Array([0.5, Number.NaN]), at: new Date(0) }
      // What is said at once waits until the trainer listens.
      trainer.send([{ say: 1 }])
      trainer.send([{ say: message }])
      expect(await trainer.hears(2)).toEqual([1, message])
      trainer.kill()
      await trainer.ended
    })

    test('hands on every line that a trainer prints, and where', async () => {
      const trainer = launch()
      trainer.send([
        { print: 'epoch 1', to: 'STDOUT' },
        { print: 'epoch 2', to: 'STDOUT' },
      ])
      const lines = [
        { line: 'epoch 1', stream: 'STDOUT' },
        { line: 'epoch 2', stream: 'STDOUT' },
      ]
      expect(await trainer.hears(2)).toEqual(lines)
      trainer.send([{ print: 'a warning', to: 'STDERR' }])
      expect((await trainer.hears(3)).at(-1)).toEqual({ line: 'a warning', stream: 'STDERR' })
      trainer.kill()
      await trainer.ended
    })

    test('tells of an end only when all that was said and printed before it has been handed on', async () => {
      const trainer = launch()
      trainer.send([{ say: 'the last message' }, { print: 'the last line', to: 'STDOUT' }, { exit: 0 }])
      const end = await trainer.ended
      expect(end).toEqual({ kind: 'exited', how: 'exit code 0', lastWords: null })
      expect(await trainer.hears(3)).toHaveLength(3)
      expect(trainer.heard.at(-1)).toEqual({ end })
      expect(trainer.heard).toContain('the last message')
      expect(trainer.heard).toContainEqual({ line: 'the last line', stream: 'STDOUT' })
    })

    test('tells how a trainer ended, with its last words', async () => {
      const failed: Step[] = [
        { print: 'TypeError: no such layer', to: 'STDERR' },
        { print: '    at build (trainer.js:3:9)', to: 'STDERR' },
      ]
      const end = { how: 'exit code 3', lastWords: 'TypeError: no such layer' }
      expect(await endOf(...failed, { exit: 3 })).toEqual({ kind: 'exited', ...end })
      const full: Step = { print: 'FATAL ERROR: JavaScript heap out of memory', to: 'STDERR' }
      expect(await endOf(full, { exit: 134 })).toMatchObject({ kind: 'outOfMemory' })
    })

    test('ends one at once that hears nothing any more, and says that it was killed', async () => {
      const trainer = launch()
      trainer.send([{ say: 'computes' }, { compute: true }])
      await trainer.hears(1)
      trainer.kill()
      expect(await trainer.ended).toEqual({ kind: 'killed', how: 'SIGKILL', lastWords: null })
    })

    test('takes what is said to one that is gone for said to nobody, and kills it no second time', async () => {
      const trainer = launch()
      trainer.kill()
      const end = await trainer.ended
      trainer.send([{ say: 'too late' }])
      trainer.kill()
      expect(await trainer.hears(1)).toEqual([{ end }])
    })

    test('keeps trainers at work at the same time apart', async () => {
      const [one, other] = [launch(), launch()]
      one.send([{ say: 'one' }])
      other.send([{ say: 'other' }])
      expect(await one.hears(1)).toEqual(['one'])
      one.kill()
      await one.ended
      other.send([{ say: 'still there' }, { exit: 0 }])
      expect(await other.ended).toMatchObject({ kind: 'exited' })
      expect((await other.hears(3)).slice(0, 2)).toEqual(['other', 'still there'])
      expect(one.name).toBeDefined()
      expect(one.name).not.toBe(other.name)
    })
  })
}
