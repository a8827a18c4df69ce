using System.Collections.Concurrent;
using Workflows.GoogleCloud.TpuEmulator.Cloud;

namespace Workflows.GoogleCloud.TpuEmulator.Buckets;

/// <summary>
/// Plays the faults of the scenarios. Calls are counted in memory, so a fault is played again after a restart of the
/// emulator.
/// </summary>
internal sealed class BucketFaults(EmulatedCloud cloud, BucketStore store)
{
    private readonly ConcurrentDictionary<(string Project, int Index), int> _calls = new();

    /// <summary>Plays the fault of a call, if it has one.</summary>
    /// <returns>The bytes after which its connection is cut; null if it is not cut.</returns>
    /// <exception cref="StorageError">The call is answered with an error.</exception>
    public async Task<long?> PlayAsync(string call, string bucket, string name, CancellationToken cancellation)
    {
        var project = store.Bucket(bucket).Project;
        var faults = cloud.ScenarioOf(project).Storage;
        for (var index = 0; index < faults.Count; index++)
        {
            var fault = faults[index];
            if ((fault.On != "any" && fault.On != call) || !name.Contains(fault.Name, StringComparison.Ordinal))
            {
                continue;
            }

            var number = _calls.AddOrUpdate((project, index), 1, (_, before) => before + 1);
            if (number <= fault.Skip || number > fault.Skip + fault.Times)
            {
                continue;
            }

            if (fault.DelaySeconds > 0)
            {
                await Task.Delay(TimeSpan.FromSeconds(fault.DelaySeconds), cancellation);
            }

            return fault.Status is { } status
                ? throw StorageError.OfScenario(status, $"{bucket}/{name}", call switch
                {
                    "upload" => "storage.objects.create",
                    "list" => "storage.objects.list",
                    "delete" => "storage.objects.delete",
                    _ => "storage.objects.get",
                })
                : fault.CutAfterBytes;
        }

        return null;
    }
}

/// <summary>The body of a request that breaks off after some bytes, as with a lost connection.</summary>
internal sealed class CutStream(Stream inner, long bytes, Action cut) : Stream
{
    private long _left = bytes;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => inner.Length;

    public override long Position { get => inner.Position; set => inner.Position = value; }

    public override async ValueTask<int> ReadAsync(
        Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        CutIfDue();
        var count = await inner.ReadAsync(
            buffer[..(int)Math.Min(buffer.Length, Math.Max(1, _left))], cancellationToken);
        _left -= count;
        return count;
    }

    public override async ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        CutIfDue();
        var count = (int)Math.Min(buffer.Length, _left);
        await inner.WriteAsync(buffer[..count], cancellationToken);
        _left -= count;
        if (count < buffer.Length)
        {
            await inner.FlushAsync(cancellationToken);
            CutIfDue();
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush() => inner.Flush();

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override int Read(byte[] buffer, int offset, int count) =>
        throw new InvalidOperationException("Read asynchronously.");

    public override long Seek(long offset, SeekOrigin origin) => throw new InvalidOperationException("No seeking.");

    public override void SetLength(long value) => throw new InvalidOperationException("No length.");

    public override void Write(byte[] buffer, int offset, int count) =>
        throw new InvalidOperationException("Write asynchronously.");

    private void CutIfDue()
    {
        if (_left <= 0)
        {
            cut();
            throw new IOException("The scenario cuts this connection.");
        }
    }
}
