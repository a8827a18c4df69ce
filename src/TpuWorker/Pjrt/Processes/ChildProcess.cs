using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;

namespace Workflows.TpuWorker.Pjrt.Processes;

/// <summary>
/// A child process that answers requests one after the other, on its standard input and output. A child that hangs,
/// ends, crashes or loses its device throws <see cref="ChildFaultException"/>; the caller never waits without end.
/// </summary>
public sealed class ChildProcess : IAsyncDisposable
{
    private const int KeptLines = 20, SignalBase = 128;

    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(5);

    private readonly ChildProcessOptions _options;
    private readonly Process _process;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly Queue<string> _lastLines = new();
    private readonly TaskCompletionSource _errorEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ChildFaultException? _fault;

    private ChildProcess(ChildProcessOptions options, Process process)
    {
        (_options, _process) = (options, process);
        process.ErrorDataReceived += (_, line) => TakeErrorLine(line.Data);
        process.BeginErrorReadLine();
    }

    /// <summary>Gets the process id.</summary>
    public int Id => _process.Id;

    /// <summary>Starts a child.</summary>
    /// <param name="options">The program and its environment.</param>
    /// <returns>The child, which may not be ready for its first request yet.</returns>
    /// <exception cref="Win32Exception">The program cannot be started.</exception>
    public static ChildProcess Start(ChildProcessOptions options)
    {
        var start = new ProcessStartInfo(options.Program, options.Arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in options.Environment)
        {
            start.Environment[name] = value;
        }

        return new ChildProcess(
            options, Process.Start(start) ?? throw new Win32Exception($"'{options.Program}' did not start."));
    }

    /// <summary>Sends a request and waits for its answer. Requests wait for their turn.</summary>
    /// <param name="request">The request.</param>
    /// <param name="deadline">
    /// The longest time from its turn to the answer; a child that takes longer is killed.
    /// </param>
    /// <param name="cancellation">Kills the child too, since a device's work cannot be interrupted.</param>
    /// <returns>The answer.</returns>
    /// <exception cref="ChildFaultException">The child failed, now or before.</exception>
    /// <exception cref="OperationCanceledException">The request was cancelled.</exception>
    public Task<byte[]> RequestAsync(
        ReadOnlyMemory<byte> request, TimeSpan deadline, CancellationToken cancellation = default) =>
        RequestAsync(request, deadline, null, cancellation);

    /// <summary>Sends a request for work of many steps, whose steps are timed instead of the whole.</summary>
    /// <param name="request">The request.</param>
    /// <param name="deadline">The longest time from its turn to the first note, or to the answer.</param>
    /// <param name="patience">
    /// Returns the longest time from each of the child's notes to its next message; null keeps the deadline.
    /// </param>
    /// <param name="cancellation">Kills the child.</param>
    /// <returns>The answer.</returns>
    /// <exception cref="ChildFaultException">The child failed, now or before.</exception>
    /// <exception cref="OperationCanceledException">The request was cancelled.</exception>
    public async Task<byte[]> RequestAsync(
        ReadOnlyMemory<byte> request, TimeSpan deadline, Func<ReadOnlyMemory<byte>, TimeSpan>? patience,
        CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            if (_fault is not null)
            {
                throw _fault;
            }

            using var late = new CancellationTokenSource(deadline, _options.Time);
            using var end = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellation);
            try
            {
                return await AskAsync(request, note =>
                {
                    if (patience is not null)
                    {
                        deadline = patience(note);
                        late.CancelAfter(deadline);
                    }

                    _options.Note?.Invoke(note);
                }, end.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                Kill();
                cancellation.ThrowIfCancellationRequested();
                throw Gone(new ChildFaultException(
                    ChildFault.Hang,
                    $"The child process {Id} {(patience is null ? "gave no answer within" : "said nothing for")} "
                    + $"{deadline} and was killed.", LastLines()));
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>
    /// Requests the child to stop its current work and to answer soon (<see cref="ChildService.Stopping"/>). Does
    /// nothing if there is no work, or the child is gone.
    /// </summary>
    /// <returns>A task that completes when the request is sent.</returns>
    public async Task BreakOffAsync()
    {
        try
        {
            await WriteAsync(FrameKind.Stop, default, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // The child has ended before; its pending request throws the reason.
        }
    }

    /// <summary>Ends the child: closes its input, waits, and kills it if it stays.</summary>
    /// <param name="patience">The longest time to wait.</param>
    /// <returns>The exit code; 128 and more after a signal.</returns>
    public async Task<int> StopAsync(TimeSpan patience)
    {
        _fault ??= new ChildFaultException(ChildFault.Exit, $"The child process {Id} was stopped.", []);
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The child has ended before.
        }

        using var late = new CancellationTokenSource(patience, _options.Time);
        try
        {
            await _process.WaitForExitAsync(late.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            Kill();
            await _process.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
        }

        return _process.ExitCode;
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        Kill();
        await _process.WaitForExitAsync().ConfigureAwait(false);
        _process.Dispose();
        _turn.Dispose();
        _writing.Dispose();
    }

    private async Task WriteAsync(FrameKind kind, ReadOnlyMemory<byte> content, CancellationToken end)
    {
        await _writing.WaitAsync(end).ConfigureAwait(false);
        try
        {
            await Frames.WriteAsync(_process.StandardInput.BaseStream, kind, content, end).ConfigureAwait(false);
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task<byte[]> AskAsync(
        ReadOnlyMemory<byte> request, Action<ReadOnlyMemory<byte>> onNote, CancellationToken end)
    {
        try
        {
            // Pipes need not observe cancellation: the wait ends, and killing the child ends the read.
            await WriteAsync(FrameKind.Request, request, end).WaitAsync(end).ConfigureAwait(false);
            while (true)
            {
                var message = await Frames.ReadAsync(_process.StandardOutput.BaseStream, end)
                    .WaitAsync(end).ConfigureAwait(false);
                switch (message)
                {
                    case (FrameKind.Answer, var answer):
                        return answer;
                    case (FrameKind.Failure, var failure):
                        throw Refusal(ChildError.Parse(failure));
                    case (FrameKind.Note, var note):
                        onNote(note);
                        break;
                    case null:
                        throw Gone(await EndAsync().ConfigureAwait(false));
                    default:
                        throw new InvalidDataException("The child sent a request.");
                }
            }
        }
        catch (IOException)
        {
            // The child's end of the pipe is closed.
            throw Gone(await EndAsync().ConfigureAwait(false));
        }
        catch (Exception exception) when (exception is InvalidDataException or JsonException)
        {
            Kill();
            throw Gone(new ChildFaultException(
                ChildFault.Garbled, $"The child process {Id} wrote no message: {exception.Message}", LastLines()));
        }
    }

    private static ChildFaultException Refusal(ChildError error) => new(
        error.IsDeviceLost ? ChildFault.DeviceLost : ChildFault.Refused, error.Text, [])
    {
        PluginCode = error.Code,
    };

    private ChildFaultException Gone(ChildFaultException fault) => _fault ??= fault;

    private async Task<ChildFaultException> EndAsync()
    {
        using var patience = new CancellationTokenSource(LastWords);
        try
        {
            await _process.WaitForExitAsync(patience.Token).ConfigureAwait(false);
            await _errorEnded.Task.WaitAsync(patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The child closed its output and stays, or a grandchild holds its standard error.
            Kill();
            await _process.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
        }

        var code = _process.ExitCode;
        return !OperatingSystem.IsWindows() && code > SignalBase
            ? new ChildFaultException(
                ChildFault.Signal, $"The child process {Id} was ended by signal {code - SignalBase}.", LastLines())
            {
                SignalNumber = code - SignalBase,
            }
            : new ChildFaultException(
                ChildFault.Exit, $"The child process {Id} ended with exit code {code} and gave no answer.", LastLines())
            {
                ExitCode = code,
            };
    }

    private void TakeErrorLine(string? line)
    {
        if (line is null)
        {
            _errorEnded.TrySetResult();
            return;
        }

        lock (_lastLines)
        {
            _lastLines.Enqueue(line);
            if (_lastLines.Count > KeptLines)
            {
                _lastLines.Dequeue();
            }
        }

        _options.ErrorLine?.Invoke(line);
    }

    private string[] LastLines()
    {
        lock (_lastLines)
        {
            return [.. _lastLines];
        }
    }

    private void Kill()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (Exception exception) when (exception is InvalidOperationException or Win32Exception)
        {
            // The child has ended by itself meanwhile.
        }
    }
}
