using Workflows.TpuWorker.Pjrt;

namespace Workflows.Pjrt.Tests.Fake;

/// <summary>Work that ends after the call, well or badly.</summary>
public sealed class EventTests
{
    [Fact]
    public async Task Completed_OfARunningExecution_WaitsForIt()
    {
        var (fake, client) = FakePrograms.Start();
        using var program = client.Compile(Programs.Add);
        using var argument = FakePrograms.Upload(client, 1);
        fake.HoldsWork = true;

        using var execution = program.Execute([argument, argument]);
        var ready = execution.Outputs[0][0].ReadyAsync();
        Assert.False(execution.Completed.IsCompleted);
        Assert.False(ready.IsCompleted);
        fake.LetGo();
        await Task.WhenAll(execution.Completed, ready);

        fake.HoldsWork = false;
        Assert.Equal([2, 4, 6, 8], FakePrograms.Download(execution.Outputs[0][0]));
        Assert.Empty(fake.Violations);
    }

    [Fact]
    public async Task UploadAsync_OfMemory_ReadsItUntilTheTransferEnds()
    {
        var (fake, client) = FakePrograms.Start();
        fake.HoldsWork = true;
        var memory = new byte[16];
        var upload = client.UploadAsync(memory, new PjrtShape(PjrtElementType.U8, 16));
        Assert.False(upload.IsCompleted);
        memory[3] = 7;

        fake.LetGo();
        using var buffer = await upload;

        fake.HoldsWork = false;
        var back = new byte[16];
        buffer.Download<byte>(back);
        Assert.Equal(memory, back);
    }

    [Fact]
    public async Task DownloadAsync_OfABuffer_FillsTheTargetAtItsEnd()
    {
        var (fake, client) = FakePrograms.Start();
        using var buffer = FakePrograms.Upload(client, 1);
        fake.HoldsWork = true;
        var target = new byte[16];

        var download = buffer.DownloadAsync(target);
        Assert.False(download.IsCompleted);
        Assert.Equal(new byte[16], target);
        fake.LetGo();
        await download;

        Assert.Equal([1, 2, 3, 4], Enumerable.Range(0, 4).Select(index => BitConverter.ToSingle(target, index * 4)));
    }

    [Fact]
    public async Task Download_OfARunningExecution_BlocksUntilItEnds()
    {
        var (fake, client) = FakePrograms.Start();
        using var buffer = FakePrograms.Upload(client, 1);
        var before = fake.CallsOf("Event_Await");
        fake.HoldsWork = true;

        var download = Task.Run(() => FakePrograms.Download(buffer));
        while (fake.CallsOf("Event_Await") == before)
        {
            await Task.Yield();
        }

        Assert.False(download.IsCompleted);
        fake.LetGo();
        var values = await download;
        Assert.Equal([1, 2, 3, 4], values);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Completed_OfWorkThatFails_ThrowsThePluginsError(bool holds)
    {
        var (fake, client) = FakePrograms.Start();
        var program = client.Compile(Programs.Add);
        var argument = FakePrograms.Upload(client, 1);
        fake.HoldsWork = holds;
        fake.FailWork(13, "The chip is gone.");

        var execution = program.Execute([argument, argument]);
        var reading = execution.Outputs[0][0].DownloadAsync(new byte[16]);
        fake.LetGo();
        var failure = await Assert.ThrowsAsync<PjrtException>(() => execution.Completed);
        var readFailure = await Assert.ThrowsAsync<PjrtException>(() => reading);

        Assert.Equal((PjrtErrorCode.Internal, "The chip is gone."), (failure.Code, failure.Text));
        Assert.Equal("LoadedExecutableExecute", failure.Operation);
        Assert.Equal(PjrtErrorCode.Internal, readFailure.Code);
        Assert.All<IDisposable>([execution, argument, program, client], each => each.Dispose());
        Assert.Empty(fake.Violations);
        Assert.Empty(fake.Leaks);
    }
}
