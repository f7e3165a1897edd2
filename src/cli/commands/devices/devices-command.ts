import { Argument, Command } from "commander";
import { defaultIndex } from "../../../models/providers/find-wheel.ts";
import { type AddableProvider, addableProviders } from "../../../native/library/added-runtime.ts";
import { addPluginOption } from "../../options/detection-options.ts";
import { plainExitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { AddArguments } from "./change-providers.ts";

const help = `
Examples:
  $ orangery devices
  $ orangery devices add cuda
  $ orangery devices add openvino
  $ orangery devices --ep-library libonnxruntime_providers_openvino_plugin.so

Each device is tested by a small run with a known result.
${plainExitStatusHelp}`;

const addHelp = `
cuda: the provider of ONNX Runtime's own version, and those libraries of CUDA and cuDNN that the
machine lacks; 1.2 GB. NVIDIA's driver is not included. NVIDIA's libraries are under NVIDIA's
licences.
openvino: OpenVINO for processors, GPUs and NPUs of Intel; 53 MB. Its devices are openvino:cpu, …

They come from PyPI as wheels, which are zip files: no Python is needed. Their hashes are checked,
and they are put into the cache folder. HTTPS_PROXY and NO_PROXY are followed.
${plainExitStatusHelp}`;

const package_ = () => new Argument("<package>", "what to fetch").choices(addableProviders);

/** `orangery devices`: what this machine can run models on, and what it lacks for more. */
export function createDevicesCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("devices")
    .summary("list devices and what they lack, add CUDA or OpenVINO")
    .description("Lists the devices of this machine, and fetches what CUDA or OpenVINO needs.")
    .addHelpText("after", help);
  const list = command
    .command("list", { isDefault: true })
    .summary("list devices and what they lack; what `orangery devices` alone does")
    .description("Lists the devices of this machine, and what is missing for those it could have.");
  addPluginOption(list)
    .option("--json", "print one JSON line")
    .addHelpText("after", plainExitStatusHelp)
    // Whatever is no other subcommand comes here.
    .allowExcessArguments()
    .action(async (options: { readonly json?: boolean }) => {
      const [other] = list.args;
      if (other !== undefined) command.error(`error: unknown command '${other}'`);
      const { listDevices } = await import("./list-devices.ts");
      await listDevices(output, options);
    });
  command
    .command("add")
    .summary("fetch what a device lacks")
    .description("Fetches the provider of CUDA or OpenVINO, and the libraries that it needs.")
    .addArgument(package_())
    .option("-y, --yes", "do not ask before fetching")
    .option("--index <url>", "a package index, such as a mirror of PyPI", defaultIndex)
    .addHelpText("after", addHelp)
    .action(async (provider: AddableProvider, options: AddArguments) => {
      const { addProviderAsked } = await import("./change-providers.ts");
      setStatus(await addProviderAsked(output, provider, options));
    });
  command
    .command("remove")
    .summary("remove an added provider")
    .description("Removes a provider and its libraries from the cache folder.")
    .addArgument(package_())
    .addHelpText("after", plainExitStatusHelp)
    .action(async (provider: AddableProvider) => {
      const { removeAdded } = await import("./change-providers.ts");
      await removeAdded(output, provider);
    });
  return command;
}
