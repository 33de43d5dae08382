import { signal } from '@preact/signals'
import { client } from '../live/api.ts'
import { accept, Refusal } from '../live/refusal.ts'
import { ADD_PICTURES } from './documents.ts'
import { bytesOf, type Given, titleOf } from './given.ts'
import { tarOf } from './tar.ts'

/** What is sent now. It goes on when one looks at another page; one at a time. */
export interface Sending {
  title: string
  sent: number
  total: number
  cancel(): void
}

export const sending = signal<Sending | null>(null)

/** Of one request: files and bytes. */
const [BATCH_FILES, BATCH_BYTES] = [256, 64 * 2 ** 20]

/** Whoever closes the page is asked before. */
const hold = (event: BeforeUnloadEvent) => event.preventDefault()

type Sent = { archive: File } | { upload: string }
interface Tools {
  signal: AbortSignal
  onProgress(progress: { sent: number }): void
}

/**
 * Sends what was given, then asks for what is to be made of it. Null when it was cancelled.
 * @param ask  sends the request that makes it; an archive is a part of that
 */
export async function send<Made>(
  given: Given,
  ask: (sent: Sent, tools: Tools) => Promise<Made>,
): Promise<Made | null> {
  const leaving = new AbortController()
  const total = bytesOf(given)
  const cancel = () => leaving.abort()
  const show = (sent: number) => {
    if (!leaving.signal.aborted)
      sending.value = { title: titleOf(given), sent: Math.min(sent, total), total, cancel }
  }
  const tools = { signal: leaving.signal, onProgress: ({ sent }: { sent: number }) => show(sent) }
  show(0)
  window.addEventListener('beforeunload', hold)
  try {
    if (given.kind === 'archive') return await ask({ archive: given.file }, tools)
    if (given.kind === 'folders')
      return await ask({ archive: tarOf(given.files, `${given.title}.tar`) }, tools)
    const upload = await sendPictures(given, tools)
    return await ask({ upload }, { ...tools, onProgress: () => {} })
  } catch (error) {
    if (leaving.signal.aborted) return null
    throw error
  } finally {
    window.removeEventListener('beforeunload', hold)
    sending.value = null
  }
}

/** Answers the upload that they belong to. */
async function sendPictures({ groups }: Extract<Given, { kind: 'pictures' }>, tools: Tools): Promise<string> {
  if (groups.some(({ label }) => label.trim() === '')) {
    throw new Refusal('A class has no name.', [
      { path: ['classes'], message: 'Say of what class these are.' },
    ])
  }
  const upload = crypto.randomUUID()
  const all = groups.flatMap(({ label, files }) => files.map((file) => ({ file, label })))
  const known = new Set<string>()
  for (const picture of all) {
    // One of the same name and class would take its place.
    const { name } = picture.file
    for (let copy = 2; known.has(`${picture.label}/${picture.file.name}`); copy++)
      picture.file = new File([picture.file], `${copy} ${name}`, { type: picture.file.type })
    known.add(`${picture.label}/${picture.file.name}`)
  }
  let before = 0
  for (let at = 0; at < all.length; ) {
    const batch: typeof all = []
    let bytes = 0
    while (at < all.length && batch.length < BATCH_FILES && (batch.length === 0 || bytes < BATCH_BYTES)) {
      bytes += all[at]!.file.size
      batch.push(all[at++]!)
    }
    const { addPictures } = await client.mutate(
      ADD_PICTURES,
      { input: { upload, pictures: batch } },
      { signal: tools.signal, onProgress: ({ sent }) => tools.onProgress({ sent: before + sent }) },
    )
    accept(addPictures, 'DatasetUpload')
    before += bytes
  }
  return upload
}
