using System.Collections.Concurrent;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using static Google.Cloud.Tpu.V2.Node.Types;

namespace Workflows.GoogleCloud.Tests.Emulator;

/// <summary>Faults of the disk below the emulated cloud's own clock.</summary>
public sealed class CloudClockTests
{
    private const string Zone = "us-west4-a";

    // Only what hangs takes this long.
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    /// <summary>A folder in the place of the state's file stands for a disk that refuses it, also for root.</summary>
    [Fact]
    public async Task Clock_DiskThatRefusesAndComesBack_IsToldOnceAndLosesNothing()
    {
        using var folder = new TestKit.TemporaryFolder("cloud-clock-");
        using var log = new LogLines();
        var (file, kept) = (folder["cloud.jsonl"], folder["kept"]);
        await using (var host = await EmulatorHost.StartAsync(
            """{"createSeconds": 0.5}""", state: folder.Path, isRealTime: true, log: log))
        {
            await host.CreateAsync(Zone, "n1");
            File.Move(file, kept);
            Directory.CreateDirectory(file);
            await log.UntilAsync("stands still", Deadline);

            // Beyond the first try after it, while callers hear of it and the application goes on.
            await Assert.ThrowsAsync<RpcException>(() => host.GetAsync(Zone, "n1"));
            await Task.Delay(TimeSpan.FromSeconds(1.5), EmulatorHost.Cancellation);
            await Assert.ThrowsAsync<RpcException>(() => host.GetAsync(Zone, "n1"));
            Directory.Delete(file);
            File.Move(kept, file);

            await log.UntilAsync("goes on", Deadline);
            Assert.Equal(State.Ready, (await host.GetAsync(Zone, "n1")).State);
        }

        Assert.Single(log.Lines, line => line.Contains("stands still", StringComparison.Ordinal));

        // The clock of this one is behind, so nothing falls due: READY is what was written.
        await using var next = await EmulatorHost.StartAsync(state: folder.Path);
        Assert.Equal(State.Ready, (await next.GetAsync(Zone, "n1")).State);
    }

    private sealed class LogLines : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => Lines.Enqueue(formatter(state, exception));

        public async Task UntilAsync(string words, TimeSpan deadline)
        {
            using var late = new CancellationTokenSource(deadline);
            while (!Lines.Any(line => line.Contains(words, StringComparison.Ordinal)))
            {
                await Task.Delay(20, late.Token);
            }
        }

        public void Dispose()
        {
        }
    }
}
