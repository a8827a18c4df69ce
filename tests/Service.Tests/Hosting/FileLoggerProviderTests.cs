using Microsoft.Extensions.Logging;
using Workflows.Service.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Hosting;

/// <summary>A part that logs is often handling a fault: the log must not give it another.</summary>
public sealed class FileLoggerProviderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("log-");

    private string LogPath => _folder["service.log"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Log_OntoAFullDisk_ThrowsNothingAndCountsItsLinesOnceThereIsRoom()
    {
        Skipped.Unless(File.Exists("/dev/full"), "There is no /dev/full on this system.");
        File.CreateSymbolicLink(LogPath, "/dev/full");
        using (var provider = new FileLoggerProvider(LogPath))
        {
            var logger = LoggerOf(provider);
            Say(logger, "first");
            Say(logger, "second");

            File.Delete(LogPath);
            Say(logger, "third");
            Say(logger, "fourth");
        }

        var lines = File.ReadAllLines(LogPath);
        Assert.Equal(3, lines.Length);
        Assert.Equal("(2 lines before this one could not be written)", lines[0]);
        Assert.EndsWith("third ", lines[1], StringComparison.Ordinal);
        Assert.EndsWith("fourth ", lines[2], StringComparison.Ordinal);
    }

    [Fact]
    public void Log_WhoseFileBecomesAFolder_GoesOnWhenThatIsAway()
    {
        Skipped.Unless(File.Exists("/dev/full"), "There is no /dev/full on this system.");
        File.CreateSymbolicLink(LogPath, "/dev/full");
        using (var provider = new FileLoggerProvider(LogPath))
        {
            var logger = LoggerOf(provider);
            Say(logger, "lost");
            File.Delete(LogPath);
            Directory.CreateDirectory(LogPath);
            Say(logger, "lost too");
            Directory.Delete(LogPath);
            Say(logger, "kept");
        }

        Assert.Equal(2, File.ReadAllLines(LogPath).Length);
    }

    [Fact]
    public void Log_BesideAnotherWriter_KeepsTheLinesOfBoth()
    {
        using var one = new FileLoggerProvider(LogPath);
        using var other = new FileLoggerProvider(LogPath);
        for (var time = 0; time < 50; time++)
        {
            Say(LoggerOf(one), $"one {time}");
            Say(LoggerOf(other), $"other {time}");
        }

        using var stream = new FileStream(LogPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream);
        Assert.Equal(100, reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    private static void Say(ILogger logger, string words) =>
        logger.Log(LogLevel.Error, default, words, null, (state, _) => state);

    /// <summary>As the host makes it: its loggers throw on what a provider throws.</summary>
    private static ILogger LoggerOf(FileLoggerProvider provider) =>
        LoggerFactory.Create(logging => logging.AddProvider(new Unowned(provider))).CreateLogger("Workflows.Test");

    private sealed class Unowned(ILoggerProvider inner) : ILoggerProvider
    {
        public ILogger CreateLogger(string categoryName) => inner.CreateLogger(categoryName);

        public void Dispose()
        {
        }
    }
}
