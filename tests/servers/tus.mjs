// The tus server of the tests, on loopback: node tus.mjs PORT FOLDER. What it holds stays on disk.
import { Server } from "@tus/server";
import { FileStore } from "@tus/file-store";

const [port, directory] = process.argv.slice(2);
const datastore = new FileStore({ directory, expirationPeriodInMilliseconds: 86_400_000 });
new Server({ path: "/files", datastore }).listen({ host: "127.0.0.1", port: Number(port) });
