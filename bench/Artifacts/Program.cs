// Brings folders of the sizes of Gemma 3 270M and 1B into a bucket of the emulated cloud and back to a folder, beside a
// plain copy of the same files with a flush to the disk, round after round in the same run. Prints seconds, the ratio
// to the copy, seconds of the processor, which other work on the machine changes less, and the most memory of this
// process, in which the emulator runs too. Arguments, all optional: megabytes
// of each folder (default 536 and 2000), --rounds N.
using System.Diagnostics;
using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Workflows.Artifacts;
using Workflows.GoogleCloud.TpuEmulator;
using Workflows.TestKit;

const int ShardMegabytes = 500;
var at = Array.IndexOf(args, "--rounds");
var rounds = at < 0 ? 3 : int.Parse(args[at + 1], CultureInfo.InvariantCulture);
var sizes = args.Where((argument, index) => at < 0 || (index != at && index != at + 1))
    .Select(argument => int.Parse(argument, CultureInfo.InvariantCulture)).DefaultIfEmpty().ToArray();
sizes = sizes is [0] ? [536, 2000] : sizes;

using var folder = new TemporaryFolder("artifacts-bench-");
using var port = ReservedPort.Take();
var builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(
    IPAddress.Loopback, port.Number, endpoint => endpoint.Protocols = HttpProtocols.Http1));
builder.Services.AddTpuEmulator(options => options.StateDirectory = folder["emulator"]);
await using var application = builder.Build();
application.MapStorageEmulator(port.Number);
await application.StartAsync();
var address = new Uri($"http://127.0.0.1:{port.Number}");
using var storage = new StorageArtifactStore(address);
using var stores = new ArtifactStores(address);
await storage.CreateBucketAsync("bench-bucket", "bench-project", CancellationToken.None);
foreach (var megabytes in sizes)
{
    var model = Directory.CreateDirectory(folder[$"model-{megabytes}"]).FullName;
    WriteModel(model, megabytes);
    for (var round = 1; round <= rounds; round++)
    {
        var copy = Time(() =>
        {
            CopyFolder(model, folder["copy"]);
            return Task.CompletedTask;
        });
        var root = ArtifactUri.Parse($"gs://bench-bucket/{megabytes}-{round}");
        ArtifactUri? tree = null;
        var bring = Time(async () => tree = (await new ArtifactTree(stores).WriteByContentAsync(
            root, model, TextModelFiles.IsNeeded, CancellationToken.None)).Tree);
        var again = Time(() => new ArtifactTree(stores).WriteByContentAsync(
            root, model, TextModelFiles.IsNeeded, CancellationToken.None));
        var back = Time(() => new ArtifactTree(stores).ReadAsync(tree!, folder["back"], CancellationToken.None));
        Process.GetCurrentProcess().Refresh();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{megabytes} MB, round {round}: copy {copy}; to the bucket {bring} ({bring.Seconds / copy.Seconds:0.0}x), "
            + $"again {again}, from the bucket {back} ({back.Seconds / copy.Seconds:0.0}x); "
            + $"at most {Process.GetCurrentProcess().PeakWorkingSet64 >> 20} MiB of memory"));
        Directory.Delete(folder["copy"], recursive: true);
        Directory.Delete(folder["back"], recursive: true);
        await new ArtifactTree(stores).DeleteAsync(tree!, CancellationToken.None);
    }

    Directory.Delete(model, recursive: true);
}

static Taken Time(Func<Task> work)
{
    var (begun, before) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
    work().GetAwaiter().GetResult();
    return new Taken(
        Stopwatch.GetElapsedTime(begun).TotalSeconds, (Environment.CpuUsage.TotalTime - before).TotalSeconds);
}

static void WriteModel(string model, int megabytes)
{
    File.WriteAllText(Path.Combine(model, "config.json"), "{}");
    var (random, part) = (new Random(7), new byte[1_000_000]);
    for (var shard = 0; shard * ShardMegabytes < megabytes; shard++)
    {
        using var file = File.Create(Path.Combine(model, $"model-{shard + 1:D5}.safetensors"));
        for (var each = 0; each < Math.Min(ShardMegabytes, megabytes - (shard * ShardMegabytes)); each++)
        {
            random.NextBytes(part);
            file.Write(part);
        }
    }
}

static void CopyFolder(string from, string to)
{
    Directory.CreateDirectory(to);
    foreach (var path in Directory.EnumerateFiles(from))
    {
        using var source = File.OpenRead(path);
        using var target = File.Create(Path.Combine(to, Path.GetFileName(path)));
        source.CopyTo(target, 1 << 20);
        target.Flush(flushToDisk: true);
    }
}

/// <summary>The time of one step.</summary>
/// <param name="Seconds">Seconds by the clock.</param>
/// <param name="Processor">Seconds of the processor.</param>
internal readonly record struct Taken(double Seconds, double Processor)
{
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Seconds:0.00} s (processor {Processor:0.00})");
}
