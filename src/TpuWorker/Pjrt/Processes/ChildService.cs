using System.Diagnostics;
using System.Runtime.InteropServices;
using Workflows.TpuWorker.Pjrt.Native;

namespace Workflows.TpuWorker.Pjrt.Processes;

/// <summary>
/// The side of the child: answers the parent's requests until the parent closes the input or is gone.
/// </summary>
public sealed class ChildService : IDisposable
{
    private readonly Stream _input;
    private readonly Stream _output;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly List<PosixSignalRegistration> _signals = [];

    private ChildService(Stream input, Stream output) => (_input, _output) = (input, output);

    /// <summary>Answers one request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="service">Sends notes meanwhile.</param>
    /// <returns>The answer.</returns>
    public delegate Task<byte[]> Handler(ReadOnlyMemory<byte> request, ChildService service);

    /// <summary>
    /// Takes standard input and output for messages. What the program or a plugin writes to standard output from now on
    /// goes to standard error; signals to end are left to the parent, which is told to drain and closes the input.
    /// </summary>
    /// <returns>The service.</returns>
    public static ChildService Open()
    {
        var service = new ChildService(Console.OpenStandardInput(), StandardOutput.Take());
        foreach (var signal in (PosixSignal[])[PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP])
        {
            service._signals.Add(PosixSignalRegistration.Create(signal, context => context.Cancel = true));
        }

        return service;
    }

    /// <summary>Gets a token that is cancelled when the parent wants the present work broken off.</summary>
    public CancellationToken Stopping { get; private set; }

    /// <summary>Answers requests until the input ends.</summary>
    /// <param name="handler">
    /// Answers one request; what it throws is told to the parent, with the plugin's code if the plugin threw.
    /// </param>
    /// <returns>Completes when the parent wants no more.</returns>
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
            var work = Task.Run(() => AnswerAsync(handler, message.Content));
            next = await ListenAsync(work, next, stop).ConfigureAwait(false);
            await work.ConfigureAwait(false);
        }
    }

    /// <summary>Tells the parent something while a request is worked on.</summary>
    /// <param name="content">The message.</param>
    /// <returns>Completes when it is written.</returns>
    public Task NoteAsync(ReadOnlyMemory<byte> content) => SendAsync(FrameKind.Note, content);

    /// <inheritdoc />
    public void Dispose()
    {
        _signals.ForEach(signal => signal.Dispose());
        _output.Dispose();
        _input.Dispose();
        _writing.Dispose();
    }

    /// <summary>
    /// Reads the input during the work: the parent may want it broken off, and the input's end means that the parent is
    /// gone. A plugin that hangs or computes must not keep the chips from the next one then.
    /// </summary>
    /// <returns>What is read next.</returns>
    private async Task<Task<(FrameKind Kind, byte[] Content)?>> ListenAsync(
        Task work, Task<(FrameKind Kind, byte[] Content)?> next, CancellationTokenSource stop)
    {
        while (await Task.WhenAny(work, next).ConfigureAwait(false) == next)
        {
            var message = await next.ConfigureAwait(false);
            if (message is null && !work.IsCompleted)
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
        }
        catch (Exception exception)
        {
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
