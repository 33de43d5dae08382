/** Which room of src/ may import from which: the house has floors, and imports go down. Part of `npm run check`. */

/** Highest first; rooms of one floor stand side by side. */
const FLOORS = [
  ['server'],
  ['schema'],
  ['system', 'maintenance'],
  ['runs/service\\.ts'],
  ['runs/planning', 'runs/reproduction'],
  ['runs/lifecycle'],
  ['runs/history', 'runs/output'],
  ['runs/journal'],
  ['scoring', 'trainer'],
  ['predictor'],
  ['runs/model'],
  ['models'],
  ['zoo', 'data'],
  ['access', 'audit', 'webhooks'],
  ['engine', 'db', 'pictures'],
]
/** Rooms that serve every floor and know none. */
const SERVANTS = ['ports', 'adapters', 'storage', 'process', 'concurrency']

const inRooms = (rooms) => `^src/(${rooms.join('|')})`
const ofPackages = (names) => `node_modules/(${names})`

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no circles',
      comment: 'Files that import each other, types included, cannot be read one after the other.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    ...FLOORS.slice(1).map((rooms, above) => ({
      name: 'no import upward',
      severity: 'error',
      from: { path: inRooms(rooms) },
      to: { path: inRooms(FLOORS.slice(0, above + 1).flat()) },
    })),
    {
      name: 'servants know no floor',
      severity: 'error',
      from: { path: inRooms(SERVANTS) },
      to: { path: inRooms(FLOORS.flat()) },
    },
    {
      name: 'ports know nobody',
      severity: 'error',
      from: { path: '^src/ports' },
      to: { path: '^src', pathNot: '^src/ports' },
    },
    {
      name: 'only who puts parts together knows adapters',
      comment:
        'The server is put together in app.ts, a child process or a thread in its entry; all else is given a port.',
      severity: 'error',
      from: { path: '^src', pathNot: '^src/((app|own-data)\\.ts|adapters/|.*-(process|thread)\\.ts$)' },
      to: { path: '^src/adapters' },
    },
    {
      name: 'the client knows nobody',
      comment: 'It runs in browsers: the schema is all that it has in common with the server.',
      severity: 'error',
      from: { path: '^src/client', pathNot: '^src/client/node\\.ts$' },
      to: { pathNot: '^src/client|graphql-ws|node_modules/gql\\.tada' },
    },
    {
      name: 'processes are jobs, the predictor, or an affair of adapters',
      comment: 'A trainer may run anywhere: who has one launched does not know of processes.',
      severity: 'error',
      from: { path: '^src', pathNot: '^src/(process|adapters|predictor)/' },
      to: { path: '^src/process/child' },
    },
    {
      name: 'the command line knows the client alone',
      comment:
        'But where no server is to be asked: for the first token, whom nobody would let make it, and for data that are put back or checked.',
      severity: 'error',
      from: { path: '^src/cli' },
      to: { path: '^src', pathNot: '^src/((cli|client)/|own-(tokens|data)\\.ts$)' },
    },
    {
      name: 'nothing below schema/ knows GraphQL',
      severity: 'error',
      from: { path: '^src', pathNot: inRooms(['schema', 'server', 'client', 'demo']) },
      to: { path: ofPackages('graphql|@pothos/|@graphql-yoga/|@escape\\.tech/') },
    },
    {
      name: 'pages know the client alone',
      comment: 'The dashboard is a client like any other: what it needs of the server is in the API.',
      severity: 'error',
      from: { path: '^web' },
      to: { path: '^src', pathNot: '^src/client' },
    },
    {
      name: 'only engine/ names a backend',
      severity: 'error',
      from: { path: '^src', pathNot: '^src/engine' },
      to: { path: ofPackages('@tensorflow/tfjs-backend-|@tensorflow/tfjs-node|webgpu') },
    },
    {
      name: 'nothing computes in the server process',
      comment: 'TensorFlow.js computes synchronously: children of the server have it.',
      severity: 'error',
      from: { path: '^src/(server/|schema/|main\\.ts|app\\.ts)' },
      to: { path: ofPackages('@tensorflow/|webgpu') },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^src/db/generated' },
  },
}
