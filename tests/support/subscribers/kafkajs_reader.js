// Prints the first records of a topic as JSON lines: node kafkajs_reader.js NODE_MODULES KAFKA TOPIC COUNT
const [modules, kafka, topic, count] = process.argv.slice(2);
const { Kafka, logLevel } = require(`${modules}/kafkajs`);
const consumer = new Kafka({ brokers: [kafka], logLevel: logLevel.ERROR }).consumer({ groupId: `kafkajs-${topic}`, retry: { initialRetryTime: 100, retries: 20 } });
let left = Number(count);
consumer.on(consumer.events.CRASH, ({ payload }) => { console.error(String(payload.error)); process.exit(1); });
const print = async ({ message }) => {
  if (left-- <= 0) return;
  const headers = Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [name, value.toString()]));
  console.log(JSON.stringify({ key: message.key.toString(), value: message.value.toString("base64"), headers }));
  if (left === 0) setImmediate(() => consumer.disconnect().then(() => process.exit(0)));
};
consumer.connect().then(() => consumer.subscribe({ topics: [topic], fromBeginning: true }))
  .then(() => consumer.run({ eachMessage: print })).catch((fault) => { console.error(String(fault)); process.exit(1); });
