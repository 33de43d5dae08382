import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  type ArtifactStore,
  DamagedArtifactError,
  type StagedArtifact,
} from '../../../src/ports/artifact-store.ts'

/**
 * What every implementation of the port ArtifactStore must do.
 * @param openStore  an empty store
 */
export function describeArtifactStore(openStore: () => Promise<ArtifactStore>): void {
  describe('an artifact store', () => {
    let store: ArtifactStore

    beforeEach(async () => {
      store = await openStore()
    })

    async function stage(text: string, owner?: string): Promise<StagedArtifact & { path: string }> {
      const { staged, path } = await store.stage(owner)
      await writeFile(path, text)
      return { staged, path, digest: createHash('sha256').update(text).digest('hex'), bytes: text.length }
    }

    async function put(text: string): Promise<string> {
      const artifact = await stage(text)
      await store.adopt(artifact)
      await store.settle(artifact.digest)
      return artifact.digest
    }

    const contentOf = async (digest: string) => readFile(await store.materialise(digest), 'utf8')

    test('has what was staged by its digest once it is adopted, and not before', async () => {
      const artifact = await stage('weights')
      await expect(store.materialise(artifact.digest)).rejects.toThrow(DamagedArtifactError)
      await store.adopt(artifact)
      expect(await contentOf(artifact.digest)).toBe('weights')
    })

    test('keeps one file of two with the same content', async () => {
      expect(await put('same')).toBe(await put('same'))
      expect(await contentOf(await put('same'))).toBe('same')
    })

    test('adopts again what was adopted by a writer that does not know', async () => {
      const artifact = await stage('twice')
      await store.adopt(artifact)
      await store.adopt(artifact)
      expect(await contentOf(artifact.digest)).toBe('twice')
    })

    test('gives no name to what was never staged', async () => {
      const artifact = { staged: 'nothing.tmp', digest: '0'.repeat(64), bytes: 1 }
      await expect(store.adopt(artifact)).rejects.toThrow()
    })

    test('takes a name back, and the same file can be adopted once more', async () => {
      const artifact = await stage('released')
      await store.adopt(artifact)
      await store.release(artifact)
      await expect(store.materialise(artifact.digest)).rejects.toThrow(DamagedArtifactError)
      await store.adopt(artifact)
      expect(await contentOf(artifact.digest)).toBe('released')
      await store.remove(artifact.digest)
      await store.release(artifact)
    })

    test('lists what was adopted or marked until it is settled', async () => {
      expect(await store.pending()).toEqual([])
      const artifact = await stage('pending')
      await store.adopt(artifact)
      await store.mark('1'.repeat(64))
      expect((await store.pending()).sort()).toEqual(['1'.repeat(64), artifact.digest].sort())
      for (const digest of await store.pending()) await store.settle(digest)
      expect(await store.pending()).toEqual([])
    })

    test('tells by its digest of a file that is missing', async () => {
      const digest = '2'.repeat(64)
      const error = await store.materialise(digest).catch((cause: unknown) => cause)
      expect(error).toBeInstanceOf(DamagedArtifactError)
      expect((error as Error).message).toContain(digest)
    })

    test('tells by its digest of a file that is not what it was, also when it was whole before', async () => {
      const digest = await put('whole')
      const path = await store.materialise(digest)
      await writeFile(path, 'altered')
      const error = await store.materialise(digest).catch((cause: unknown) => cause)
      expect(error).toBeInstanceOf(DamagedArtifactError)
      expect((error as Error).message).toContain(digest)
      await writeFile(path, 'whole')
      expect(await contentOf(digest)).toBe('whole')
    })

    test('reads a file through each time, though its size and time are as they were, unless once is enough', async () => {
      const digest = await put('whole')
      const path = await store.materialise(digest)
      const time = new Date(0)
      await utimes(path, time, time)
      expect(await store.materialise(digest)).toBe(path)
      await writeFile(path, 'WHOLE')
      await utimes(path, time, time)
      await expect(store.materialise(digest)).rejects.toThrow(DamagedArtifactError)
      await writeFile(path, 'altered')
      await expect(store.materialise(digest, { once: true })).rejects.toThrow(DamagedArtifactError)
    })

    test('has no more what was removed, and removes what is not there without an error', async () => {
      const digest = await put('removed')
      await store.remove(digest)
      await store.remove(digest)
      await expect(store.materialise(digest)).rejects.toThrow(DamagedArtifactError)
    })

    test('removes what was left unfinished, and nothing else', async () => {
      const kept = await put('kept')
      const left = await stage('left')
      await store.tidy()
      expect(existsSync(left.path)).toBe(false)
      expect(await contentOf(kept)).toBe('kept')
    })

    test('removes what one owner left, and nothing of another', async () => {
      const [mine, other] = [await stage('mine', 'run-1'), await stage('other', 'run-10')]
      await store.tidy('run-1')
      expect(existsSync(mine.path)).toBe(false)
      expect(existsSync(other.path)).toBe(true)
    })

    test('leaves what it is told is finished where it is', async () => {
      const [finished, left] = [await stage('finished', 'run-1'), await stage('left', 'run-1')]
      await store.tidy('run-1', new Set([finished.staged]))
      expect(existsSync(left.path)).toBe(false)
      await store.adopt(finished)
      expect(await contentOf(finished.digest)).toBe('finished')
    })

    test('makes once what is derived from an artifact, for callers at the same time and after it', async () => {
      const digest = await put('source')
      let made = 0
      const derive = () =>
        store.derive(digest, 'copy', async (folder) => {
          made += 1
          await writeFile(join(folder, 'part'), 'derived')
        })
      const folders = [...(await Promise.all([derive(), derive()])), await derive()]
      expect(made).toBe(1)
      expect(new Set(folders).size).toBe(1)
      expect(await readFile(join(folders[0]!, 'part'), 'utf8')).toBe('derived')
    })

    test('makes what is derived under another key beside it', async () => {
      const digest = await put('source')
      const [one, other] = await Promise.all(
        ['one', 'other'].map((key) =>
          store.derive(digest, key, (folder) => writeFile(join(folder, 'part'), key)),
        ),
      )
      expect(await readFile(join(one!, 'part'), 'utf8')).toBe('one')
      expect(await readFile(join(other!, 'part'), 'utf8')).toBe('other')
    })

    test('keeps nothing of what could not be derived, and tries again', async () => {
      const digest = await put('source')
      let draft = ''
      const failing = store.derive(digest, 'copy', async (folder) => {
        draft = folder
        throw new Error('cannot be made')
      })
      await expect(failing).rejects.toThrow('cannot be made')
      expect(existsSync(draft)).toBe(false)
      const folder = await store.derive(digest, 'copy', (into) => writeFile(join(into, 'part'), 'made'))
      expect(await readFile(join(folder, 'part'), 'utf8')).toBe('made')
    })

    test('removes what was derived with its artifact, also when that goes while it is made', async () => {
      const digest = await put('source')
      const early = await store.derive(digest, 'early', (folder) => writeFile(join(folder, 'part'), ''))
      const late = await store.derive(digest, 'late', () => store.remove(digest))
      expect(existsSync(early)).toBe(false)
      expect(existsSync(late)).toBe(false)
    })

    test('removes what was derived alone, and makes it again', async () => {
      const digest = await put('source')
      const make = () => store.derive(digest, 'copy', (folder) => writeFile(join(folder, 'part'), ''))
      const folder = await make()
      await store.removeDerived(digest)
      expect(existsSync(folder)).toBe(false)
      expect(await contentOf(digest)).toBe('source')
      expect(existsSync(await make())).toBe(true)
    })
  })
}
