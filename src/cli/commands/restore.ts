import type { Command } from '../command.ts'
import { interruptible } from '../interrupt.ts'
import { bytes } from '../text.ts'

export const restore: Command = {
  name: 'restore',
  takes: 'FILE',
  summary: 'puts a backup back into an empty data folder, for a server to start with',
  more: 'Needs no server. All of it is put back, compared with its digests and on the disk, or nothing.',
  options: { to: { value: 'FOLDER', help: 'the folder (DATA_DIR, else ./data): empty, or not there' } },
  count: { least: 1, most: 1 },
  async run({ screen, json, positionals: [file], text }) {
    const { restore: putBack } = await import('../../own-data.ts')
    const { facts, folder } = await interruptible((signal) => putBack(process.env, file!, text('to'), signal))
    if (json) {
      screen.print(JSON.stringify({ folder, ...facts }))
      return 0
    }
    screen.print(`${folder} has the ${facts.files} files, ${bytes(facts.bytes)}, of ${facts.at}.`)
    if (facts.database === 'postgres') {
      screen.print(
        `The database is in ${folder}/database.dump. Put it into an empty one before you start a server: pg_restore --no-owner --exit-on-error --dbname "$DATABASE_URL" ${folder}/database.dump`,
      )
    }
    return 0
  },
}
