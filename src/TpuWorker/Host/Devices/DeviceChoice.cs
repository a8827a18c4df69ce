using System.Globalization;
using System.Reflection;
using Workflows.TpuWorker.Pjrt;
using Workflows.TpuWorker.Pjrt.Host;

namespace Workflows.TpuWorker.Host.Devices;

/// <summary>
/// Chooses the device of this machine: its chips, a plugin that is named, or else the processor.
/// </summary>
internal static class DeviceChoice
{
    /// <summary>The variable that names the precision: <c>full</c> or <c>mixed</c>.</summary>
    public const string PrecisionVariable = "WORKFLOWS_PJRT_PRECISION";

    /// <summary>The variable with the number of the plugin's devices that share the work.</summary>
    public const string DevicesVariable = "WORKFLOWS_PJRT_DEVICES";

    /// <summary>Opens the device.</summary>
    /// <param name="folder">The worker's own folder, where compiled programs are kept.</param>
    /// <param name="variable">Returns environment variables.</param>
    /// <param name="log">Receives the reason for the choice.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The device; a broken one if chips exist but do not compute.</returns>
    public static async Task<IDevice> OpenAsync(
        string folder, Func<string, string?> variable, TextWriter log, CancellationToken cancellation)
    {
        try
        {
            var host = TpuHost.Read();
            var file = PjrtPluginFile.Find(given: null, host.ChipCount > 0, variable);
            var isNamed = file is not null && file.NamedBy != PjrtPluginFile.InstalledFolder(variable);
            if (file is null || (host.ChipCount == 0 && !isNamed))
            {
                await log.WriteLineAsync(host.ChipCount == 0
                    ? "No TPU chips: computing on the processor."
                    : $"{host.ChipCount} TPU chips, but no libtpu: computing on the processor. Set "
                        + $"{PjrtPluginFile.TpuVariable} to libtpu.so, or run eng/get-pjrt-plugin.sh libtpu.");
                return new ProcessorDevice(TimeProvider.System);
            }

            if (host.ChipCount > 0)
            {
                host.Require();
            }

            var device = await DeviceProcess.OpenAsync(
                new DeviceSettings
                {
                    Command = ChildCommand(),
                    Open = new OpenOrder(
                        file.Path, variable(PrecisionVariable), Path.Combine(folder, "programs"),
                        DevicesOf(variable(DevicesVariable))),
                    Environment = host.LibraryEnvironment(),
                }, log, cancellation);
            await log.WriteLineAsync($"{file.Path} (named by {file.NamedBy}): {device.Description}");
            return device;
        }
        catch (Exception exception) when (exception is TpuHostException or PjrtPluginException)
        {
            return await BrokenAsync(new DeviceException(DeviceFaults.Unusable, exception.Message, exception), log);
        }
        catch (DeviceException exception)
        {
            return await BrokenAsync(exception, log);
        }
    }

    /// <summary>Returns the command line of this program as the process of a device.</summary>
    internal static IReadOnlyList<string> ChildCommand()
    {
        var assembly = Assembly.GetExecutingAssembly().Location;
        var program = Environment.ProcessPath!;
        return Path.GetFileNameWithoutExtension(program) switch
        {
            "Workflows.TpuWorker.Host" => [program, DeviceChild.Name],

            // The same runtime that runs this process: another, or none, may be on the PATH.
            "dotnet" => [program, assembly, DeviceChild.Name],
            _ => [Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", assembly, DeviceChild.Name],
        };
    }

    private static int? DevicesOf(string? text) => string.IsNullOrWhiteSpace(text) ? null
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var devices) && devices > 0 ? devices
        : throw new DeviceException(DeviceFaults.Unusable, $"{DevicesVariable} is '{text}', wanted 1 or more.");

    private static async Task<IDevice> BrokenAsync(DeviceException fault, TextWriter log)
    {
        await log.WriteLineAsync($"The device cannot be used: {fault.Message}");
        return new BrokenDevice(fault);
    }
}
