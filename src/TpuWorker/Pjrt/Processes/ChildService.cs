using System.Diagnostics;
using System.Runtime.InteropServices;
using Workflows.TpuWorker.Pjrt.Native;

namespace Workflows.TpuWorker.Pjrt.Processes;

/// <summary>
/// Answers the parent's requests in the child, until the parent closes the input or is gone.
/// </summary>
public sealed class ChildService : IDisposable
{
    // Kept for the process's life: a signal is delivered some time after it was sent, and one that arrives when the
    // service has just ended must not turn a clean exit into a death by signal.
    private static readonly List<PosixSignalRegistration> Signals = [];

    private readonly Stream _input;
    private readonly Stream _output;
    private readonly SemaphoreSlim _writing = new(1, 1);

    // Cleared before the answer is written: a parent that has it may close the input before the write returns here.
    private volatile bool _isWorking;

    private ChildService(Stream input, Stream output) => (_input, _output) = (input, output);

    /// <summary>Answers one request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="service">Sends notes during the work.</param>
    /// <returns>The answer.</returns>
    public delegate Task<byte[]> Handler(ReadOnlyMemory<byte> request, ChildService service);

    /// <summary>
    /// Reserves standard input and output for messages. Output of the program or a plugin goes to standard error from
    /// now on; termination signals are left to the parent, which receives them and closes the input.
    /// </summary>
    /// <returns>The service.</returns>
    public static ChildService Open() => Open(output => output);

    /// <summary>Opens a service whose answers pass through another stream, a slow one for example.</summary>
    /// <param name="over">Makes the stream from the one to the parent.</param>
    /// <returns>The service.</returns>
    internal static ChildService Open(Func<Stream, Stream> over)
    {
        var service = new ChildService(Console.OpenStandardInput(), over(StandardOutput.Take()));
        foreach (var signal in (PosixSignal[])[PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP])
        {
            Signals.Add(PosixSignalRegistration.Create(signal, context => context.Cancel = true));
        }

        return service;
    }

    /// <summary>Gets a token that is cancelled when the parent wants the current work stopped.</summary>
    public CancellationToken Stopping { get; private set; }

    /// <summary>Answers requests until the input ends.</summary>
    /// <param name="handler">
    /// Answers one request; its exceptions are reported to the parent, with the plugin's code if the plugin threw.
    /// </param>
    /// <returns>A task that completes when the parent closes the input.</returns>
    /// <exception cref="InvalidDataException">The input is not the parent's.</exception>
    public async Task RunAsync(Handler handler)
    {
        var next = Frames.ReadAsync(_input, CancellationToken.None);
        while (await next.ConfigureAwait(false) is { } message)
        {
            next = Frames.ReadAsync(_input, CancellationToken.None);
            if (message.Kind == FrameKind.Stop)
            {
                // It was sent when the work had just ended.
                continue;
            }

            if (message.Kind != FrameKind.Request)
            {
                throw new InvalidDataException($"The parent sent {message.Kind}, wanted a request.");
            }

            using var stop = new CancellationTokenSource();
            Stopping = stop.Token;
            _isWorking = true;
            var work = Task.Run(() => AnswerAsync(handler, message.Content));
            next = await ListenAsync(work, next, stop).ConfigureAwait(false);
            await work.ConfigureAwait(false);
        }
    }

    /// <summary>Sends a note to the parent while a request is worked on.</summary>
    /// <param name="content">The message.</param>
    /// <returns>A task that completes when the note is written.</returns>
    public Task NoteAsync(ReadOnlyMemory<byte> content) => SendAsync(FrameKind.Note, content);

    /// <inheritdoc />
    public void Dispose()
    {
        _output.Dispose();
        _input.Dispose();
        _writing.Dispose();
    }

    /// <summary>
    /// Reads the input during the work: the parent may request a stop, and the input's end means that the parent is
    /// gone. A plugin that hangs or computes must then not keep the chips from the next process.
    /// </summary>
    /// <returns>The next read.</returns>
    private async Task<Task<(FrameKind Kind, byte[] Content)?>> ListenAsync(
        Task work, Task<(FrameKind Kind, byte[] Content)?> next, CancellationTokenSource stop)
    {
        while (await Task.WhenAny(work, next).ConfigureAwait(false) == next)
        {
            var message = await next.ConfigureAwait(false);
            if (message is null && _isWorking)
            {
                Process.GetCurrentProcess().Kill();
            }

            if (message is not (FrameKind.Stop, _))
            {
                break;
            }

            await stop.CancelAsync().ConfigureAwait(false);
            next = Frames.ReadAsync(_input, CancellationToken.None);
        }

        return next;
    }

    private async Task AnswerAsync(Handler handler, byte[] request)
    {
        byte[] answer;
        try
        {
            answer = await handler(request, this).ConfigureAwait(false);
            _isWorking = false;
        }
        catch (Exception exception)
        {
            _isWorking = false;
            await SendAsync(FrameKind.Failure, ChildError.Of(exception).ToBytes()).ConfigureAwait(false);
            return;
        }

        await SendAsync(FrameKind.Answer, answer).ConfigureAwait(false);
    }

    private async Task SendAsync(FrameKind kind, ReadOnlyMemory<byte> content)
    {
        await _writing.WaitAsync().ConfigureAwait(false);
        try
        {
            await Frames.WriteAsync(_output, kind, content, CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            _writing.Release();
        }
    }
}
