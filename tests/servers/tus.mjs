// The tus server of the tests, on loopback. What it holds stays on disk. Arguments: port, folder.
import { Server } from "@tus/server";
import { FileStore } from "@tus/file-store";

const [port, directory] = process.argv.slice(1);
const datastore = new FileStore({ directory, expirationPeriodInMilliseconds: 86_400_000 });
new Server({ path: "/files", datastore }).listen({ host: "127.0.0.1", port: Number(port) });
// WORKAROUND: on Node 24 it closes the stream of some downloads twice, after all of it was sent, and would die of that.
process.on("uncaughtException", (error) => {
  if (error.code !== "ERR_INVALID_STATE") throw error;
});
