using System.Globalization;
using Google.Protobuf;
using Workflows.ModelFiles;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Lean;
using Workflows.TpuWorker.Pjrt;
using Workflows.TpuWorker.Pjrt.Host;
using Workflows.TpuWorker.Pjrt.Processes;
using Workflows.TpuWorker.Pjrt.Programs;
using Workflows.TpuWorker.Protocol;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Host.Devices;

/// <summary>
/// The process that holds a plugin and computes: it may abort, hang or lose its chips without affecting the gateway's
/// stream, the logs or an upload.
/// </summary>
internal sealed class DeviceChild : IDisposable
{
    /// <summary>The argument of the worker's program that starts such a process.</summary>
    public const string Name = "device";

    /// <summary>The code of work that was stopped.</summary>
    public const string Stopped = "STOPPED";

    private readonly ChildService _service;
    private PjrtExecutor? _executor;

    private DeviceChild(ChildService service) => _service = service;

    /// <summary>Answers requests until the parent closes the input.</summary>
    public static async Task RunAsync()
    {
        using var service = ChildService.Open();
        using var child = new DeviceChild(service);
        await service.RunAsync((bytes, _) => Task.FromResult(child.Answer(bytes)));
    }

    /// <inheritdoc />
    public void Dispose() => _executor?.Dispose();

    private byte[] Answer(ReadOnlyMemory<byte> bytes)
    {
        var order = DeviceMessages.Read<DeviceOrder>(bytes.Span);
        try
        {
            return DeviceMessages.ToBytes(new DeviceAnswer(Obey(order)));
        }
        catch (OperationCanceledException)
        {
            return Refused(Stopped, "The work was broken off.");
        }
        catch (TpuWorkerException exception)
        {
            return Refused(exception.ErrorCode, exception.Message);
        }
        catch (ModelFileException exception)
        {
            return Refused(exception.ErrorCode, exception.Message);
        }
        catch (Exception exception) when (exception is TpuHostException or PjrtPluginException)
        {
            return Refused(DeviceFaults.Unusable, exception.Message);
        }
    }

    private byte[] Obey(DeviceOrder order)
    {
        var stop = _service.Stopping;
        if (order.Open is { } open)
        {
            return Open(open);
        }

        if (order.Train is { } train)
        {
            return TrainWork.Run(
                TrainJob.Parser.ParseFrom(train), Executor, TimeProvider.System,
                step => Tell(new DeviceNote(Step: step)), stop).ToByteArray();
        }

        return DeviceMessages.ToBytes(TrainWork.Decode(
            order.Decode ?? throw new InvalidDataException("The order is empty."), Executor,
            completed => Tell(new DeviceNote(Completed: completed)), stop));
    }

    private PjrtExecutor Executor => _executor ?? throw new InvalidOperationException("No plugin is open.");

    private byte[] Open(OpenOrder order)
    {
        PjrtClient client;
        try
        {
            client = PjrtClient.Create(PjrtPlugin.Load(order.Plugin));
        }
        catch (PjrtException exception) when (TpuHost.Explain(exception) is { } explained)
        {
            throw explained;
        }

        var report = PjrtSmokeTest.Run(client);
        var devices = order.Devices ?? (report.Platform == "cpu" ? 1 : client.AddressableDevices.Count);
        _executor = new PjrtExecutor(
            client, PrecisionOf(order.Precision, report.Platform), new PjrtExecutableCache(order.ProgramFolder),
            devices)
        {
            OnStage = stage => Tell(new DeviceNote(Stage: stage)),
        };
        return DeviceMessages.ToBytes(Describe(report, devices));
    }

    private static string Describe(PjrtDeviceReport report, int devices) => string.Create(
        CultureInfo.InvariantCulture,
        $"{report.Platform.ToLowerInvariant()} {report.DeviceKinds[0]} x{devices}, "
        + $"PJRT API {report.ApiVersion}, {report.PlatformVersion.ReplaceLineEndings(" ")}");

    /// <summary>Chooses the precision: single on a processor, to compare results, and mixed on a TPU.</summary>
    private static PrecisionPolicy PrecisionOf(string? name, string platform) => name switch
    {
        "full" => PrecisionPolicy.Full,
        "mixed" => PrecisionPolicy.Mixed,
        null or "" => platform == "cpu" ? PrecisionPolicy.Full : PrecisionPolicy.Mixed,
        _ => throw new ModelInputException(DeviceChoice.PrecisionVariable, $"is '{name}', wanted full or mixed"),
    };

    private void Tell(DeviceNote note) => _service.NoteAsync(DeviceMessages.ToBytes(note)).GetAwaiter().GetResult();

    private static byte[] Refused(string code, string message) =>
        DeviceMessages.ToBytes(new DeviceAnswer(null, code, message));
}
