// What each workspace used and spent, from both public topics, each event counted once.
//
// It follows the guide's five rules (docs/events/guide.md): ids are kept in the same transaction as the
// sums, offsets are committed after it, what is not known is passed over, and money is an integer. It
// reads to where the topics end when it starts, prints a line of JSON for each workspace, and stops.
//
//     node consumer.js --bootstrap 127.0.0.1:19092 --database usage.db --group my-team-usage

import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'
import { Kafka, logLevel } from 'kafkajs'

const TOPICS = ['relay.requests', 'billing.ledger']
const TABLES = `
  CREATE TABLE IF NOT EXISTS seen (topic TEXT, event_id TEXT, PRIMARY KEY (topic, event_id));
  CREATE TABLE IF NOT EXISTS usage (
    workspace_id INTEGER PRIMARY KEY, requests INTEGER NOT NULL DEFAULT 0,
    tokens INTEGER NOT NULL DEFAULT 0, quota_units INTEGER NOT NULL DEFAULT 0,
    spent_units INTEGER NOT NULL DEFAULT 0
  );
`
const COUNT_REQUEST = `
  INSERT INTO usage (workspace_id, requests, tokens, quota_units) VALUES (?, 1, ?, ?)
  ON CONFLICT DO UPDATE SET requests = requests + 1, tokens = tokens + excluded.tokens,
    quota_units = quota_units + excluded.quota_units
`
const COUNT_ENTRY = `
  INSERT INTO usage (workspace_id, spent_units) VALUES (?, ?)
  ON CONFLICT DO UPDATE SET spent_units = spent_units + excluded.spent_units
`

/** Counts events in a database of one's own. */
class Counting {
  constructor(path) {
    this.database = new DatabaseSync(path)
    this.database.exec(TABLES)
    this.see = this.database.prepare('INSERT INTO seen VALUES (?, ?) ON CONFLICT DO NOTHING')
    this.countRequest = this.database.prepare(COUNT_REQUEST)
    this.countEntry = this.database.prepare(COUNT_ENTRY)
  }

  /** All of a batch, or nothing of it. */
  count(topic, messages) {
    this.database.exec('BEGIN IMMEDIATE')
    try {
      for (const message of messages) this.#countOne(topic, message)
      this.database.exec('COMMIT')
    } catch (error) {
      this.database.exec('ROLLBACK')
      throw error
    }
  }

  #countOne(topic, { headers, value }) {
    const type = String(headers.ce_type)
    if (this.see.run(topic, String(headers.ce_id)).changes === 0) return // delivered before
    if (type === 'ledgerline.request.completed.v1') {
      const { workspace_id, usage, quota } = JSON.parse(value)
      this.countRequest.run(workspace_id, usage.prompt_tokens + usage.completion_tokens, quota)
    } else if (type === 'ledgerline.ledger.entry_posted.v1') {
      const entry = JSON.parse(value)
      const isOfUse = entry.kind === 'charge' || entry.refers_to_entry_id != null
      // A charge takes from the balance: what was spent is the opposite.
      if (isOfUse) this.countEntry.run(entry.workspace_id, -entry.amount_units)
    } // else: a type of a later release
  }

  /** The sums, by workspace. */
  usage() {
    return this.database.prepare('SELECT * FROM usage ORDER BY workspace_id').all()
  }
}

/** The partitions that are not read to their present end, as `topic/partition` to that end. */
async function unread(kafka, groupId) {
  const admin = kafka.admin()
  await admin.connect()
  try {
    const ends = new Map()
    for (const topic of TOPICS) {
      for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
        if (low !== high) ends.set(`${topic}/${partition}`, BigInt(high))
      }
    }
    for (const { topic, partitions } of await admin.fetchOffsets({ groupId, topics: TOPICS })) {
      for (const { partition, offset } of partitions) {
        const place = `${topic}/${partition}`
        if (ends.has(place) && BigInt(offset) >= ends.get(place)) ends.delete(place)
      }
    }
    return ends
  } finally {
    await admin.disconnect()
  }
}

const { values: told } = parseArgs({
  options: {
    bootstrap: { type: 'string', default: '127.0.0.1:19092' },
    database: { type: 'string', default: 'usage.db' },
    group: { type: 'string', default: 'kafkajs-usage' }
  }
})
const kafka = new Kafka({
  clientId: 'kafkajs-example',
  brokers: told.bootstrap.split(','),
  logLevel: logLevel.ERROR
})
const counting = new Counting(told.database)
const left = await unread(kafka, told.group)
if (left.size > 0) {
  const consumer = kafka.consumer({ groupId: told.group })
  await consumer.connect()
  await consumer.subscribe({ topics: TOPICS, fromBeginning: true })
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) reject(payload.error)
    })
    consumer
      .run({
        autoCommit: false,
        eachBatch: async ({ batch: { topic, partition, messages } }) => {
          if (messages.length === 0) return
          counting.count(topic, messages)
          const next = BigInt(messages.at(-1).offset) + 1n
          // Only now: what is lost before this comes again, and counts once all the same.
          await consumer.commitOffsets([{ topic, partition, offset: String(next) }])
          const place = `${topic}/${partition}`
          if (left.has(place) && next >= left.get(place)) left.delete(place)
          if (left.size === 0) resolve()
        }
      })
      .catch(reject)
  })
  await consumer.disconnect()
}
for (const row of counting.usage()) console.log(JSON.stringify(row))
