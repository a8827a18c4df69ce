using Google.Protobuf;
using Workflows.TpuWorker.Gemma3.Lean;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Pjrt.Processes;
using Workflows.TpuWorker.Protocol;

namespace Workflows.TpuWorker.Host.Devices;

/// <summary>Settings of the process of a device.</summary>
internal sealed record DeviceSettings
{
    /// <summary>Gets the command line of the process.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary>Gets the plugin, and the folder of compiled programs.</summary>
    public required OpenOrder Open { get; init; }

    /// <summary>Gets variables that the plugin reads when it is loaded.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Gets the longest time until the plugin has computed a test step.</summary>
    public TimeSpan OpenPatience { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Gets the longest time of a compilation; that of 4B takes some minutes.</summary>
    public TimeSpan CompilePatience { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>Gets the longest time without a step, a text or a stage, which is far above any useful step.</summary>
    public TimeSpan StepPatience { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Gets the time that work has to end after a stop request: a step, and a checkpoint.</summary>
    public TimeSpan StopPatience { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Gets the clock of these times.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}

/// <summary>
/// A device in a separate process. A device that hangs, aborts or is lost gets a new process once, which resumes from
/// the newest checkpoint; one that fails again without progress is lost.
/// </summary>
internal sealed class DeviceProcess : IDevice
{
    private readonly DeviceSettings _settings;
    private readonly TextWriter _log;
    private ChildProcess? _child;
    private Action<DeviceNote>? _onNote;

    private DeviceProcess(DeviceSettings settings, TextWriter log) => (_settings, _log) = (settings, log);

    /// <inheritdoc />
    public string Description { get; private set; } = "";

    /// <inheritdoc />
    public string? ProgramFolder => _settings.Open.ProgramFolder;

    /// <inheritdoc />
    public Action<ExecutorStage>? OnStage { get; set; }

    /// <summary>Gets the id of the process; null between two.</summary>
    internal int? ProcessId => _child?.Id;

    /// <summary>Starts the process, loads the plugin and runs a tiny step.</summary>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    public static async Task<DeviceProcess> OpenAsync(
        DeviceSettings settings, TextWriter log, CancellationToken cancellation)
    {
        var device = new DeviceProcess(settings, log);
        try
        {
            await device.StartAsync(cancellation);
            return device;
        }
        catch
        {
            await device.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc />
    public async Task<TrainResult> TrainAsync(
        TrainJob job, Action<TrainingProgress> onStep, CancellationToken stop)
    {
        var furthest = 0;
        var order = new DeviceOrder(Train: job.ToByteArray());
        return TrainResult.Parser.ParseFrom(await AgainAsync(
            order, note =>
            {
                if (note.Step is { } step)
                {
                    furthest = Math.Max(furthest, step.Step);
                    onStep(step);
                }
            }, () => furthest, stop));
    }

    /// <inheritdoc />
    public async Task<int[][]> DecodeAsync(DecodeWork work, Action<int> onCompleted, CancellationToken stop)
    {
        var furthest = 0;
        return DeviceMessages.Read<int[][]>(await AgainAsync(new DeviceOrder(Decode: work), note =>
        {
            if (note.Completed is { } completed)
            {
                furthest = Math.Max(furthest, completed);
                onCompleted(completed);
            }
        }, () => furthest, stop));
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        if (_child is { } child)
        {
            _child = null;
            await child.StopAsync(TimeSpan.FromSeconds(5));
            await child.DisposeAsync();
        }
    }

    /// <summary>Sends a request, and repeats it in a new process if one is lost that made more progress than the
    /// last.</summary>
    private async Task<byte[]> AgainAsync(
        DeviceOrder order, Action<DeviceNote> onNote, Func<int> progress, CancellationToken stop)
    {
        var reached = -1;
        while (true)
        {
            try
            {
                return await AskAsync(order, onNote, stop);
            }
            catch (ChildFaultException fault) when (fault.Fault != ChildFault.Refused && progress() > reached)
            {
                reached = progress();
                await _log.WriteLineAsync($"The device failed ({fault.Fault}): {fault.Message} It is started again.");
                await RestartAsync(fault, stop);
            }
            catch (ChildFaultException fault)
            {
                throw DeviceFaults.Of(fault);
            }
        }
    }

    private async Task RestartAsync(ChildFaultException fault, CancellationToken stop)
    {
        await DisposeAsync();
        try
        {
            await StartAsync(stop);
        }
        catch (DeviceException exception)
        {
            throw new DeviceException(
                DeviceFaults.Lost, $"{fault.Message} It could not be started again: {exception.Message}", exception);
        }
    }

    private async Task StartAsync(CancellationToken cancellation)
    {
        _child = ChildProcess.Start(new ChildProcessOptions
        {
            Program = _settings.Command[0],
            Arguments = [.. _settings.Command.Skip(1)],
            Environment = _settings.Environment,
            Note = note => Hear(DeviceMessages.Read<DeviceNote>(note.Span)),
            ErrorLine = line => _log.WriteLine($"device: {line}"),
            Time = _settings.Clock,
        });
        try
        {
            var answer = await _child.RequestAsync(
                DeviceMessages.ToBytes(new DeviceOrder(Open: _settings.Open)), _settings.OpenPatience, cancellation);
            Description = DeviceMessages.Read<string>(ContentOf(answer));
        }
        catch (ChildFaultException fault)
        {
            throw DeviceFaults.Of(fault);
        }
    }

    private void Hear(DeviceNote note)
    {
        if (note.Stage is { } stage)
        {
            OnStage?.Invoke(stage);
        }

        _onNote?.Invoke(note);
    }

    private async Task<byte[]> AskAsync(DeviceOrder order, Action<DeviceNote> onNote, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        var child = _child ?? throw new DeviceException(DeviceFaults.Lost, "The device has no process.");
        _onNote = onNote;
        using var over = new CancellationTokenSource();
        await using var told = stop.Register(() =>
        {
            over.CancelAfter(_settings.StopPatience);
            _ = child.BreakOffAsync();
        });
        try
        {
            var answer = await child.RequestAsync(
                DeviceMessages.ToBytes(order), _settings.StepPatience, PatienceAfter, over.Token);
            return ContentOf(answer).ToArray();
        }
        catch (Exception exception) when (
            stop.IsCancellationRequested && exception is OperationCanceledException or ChildFaultException)
        {
            // It did not end in time, or failed: its checkpoints are kept.
            await _log.WriteLineAsync($"The device was told to stop: {exception.Message}");
            throw new OperationCanceledException(stop);
        }
        finally
        {
            _onNote = null;
        }
    }

    private TimeSpan PatienceAfter(ReadOnlyMemory<byte> note) =>
        DeviceMessages.Read<DeviceNote>(note.Span).Stage is { IsCompiling: true }
            ? _settings.CompilePatience
            : _settings.StepPatience;

    private static ReadOnlySpan<byte> ContentOf(byte[] bytes)
    {
        var answer = DeviceMessages.Read<DeviceAnswer>(bytes);
        return answer switch
        {
            { Content: { } content } => content,
            { Code: DeviceChild.Stopped } => throw new OperationCanceledException(answer.Message),
            _ => throw new DeviceException(answer.Code ?? DeviceFaults.Refused, answer.Message ?? ""),
        };
    }
}
