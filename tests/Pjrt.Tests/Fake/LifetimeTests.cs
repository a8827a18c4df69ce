using Workflows.TestKit.Pjrt;
using Workflows.TpuWorker.Pjrt;

namespace Workflows.Pjrt.Tests.Fake;

/// <summary>Every object of the plugin is destroyed once, and in an order that the plugin allows.</summary>
public sealed class LifetimeTests
{
    [Fact]
    public async Task Dispose_OfEverything_LeavesNothing()
    {
        var (fake, client) = FakePrograms.Start();
        var topology = client.GetTopology();
        Assert.Equal("fake", topology.PlatformName);
        var own = PjrtTopology.Create(client.Plugin, "fake:2x2");
        var again = PjrtTopology.Deserialize(client.Plugin, own.Serialize());
        Assert.Equal("fake:2x2", again.Attributes["name"]);
        Assert.Equal(4, own.ReadDevices().Count);
        var ahead = own.Compile(Programs.Add);
        var program = client.Load(ahead.Serialize());
        var left = FakePrograms.Upload(client, 1);
        var right = await client.UploadAsync(new byte[16], left.Shape);
        var copy = left.CopyTo(client.Devices[3]);
        var execution = program.Execute([left, right]);
        await execution.Completed;
        Assert.Throws<PjrtException>(() => client.Compile("rubbish"));

        IDisposable[] all = [topology, own, again, ahead, program, left, right, copy, execution, client];
        Assert.All(all, each => each.Dispose());
        Assert.All(all, each => each.Dispose());

        Assert.Empty(fake.Violations);
        Assert.Empty(fake.Leaks);
        Assert.Equal(4, fake.Made("FakeBuffer"));
        Assert.Equal(2, fake.Made("SerializedBytes"));
        Assert.Equal(1, fake.Made("FakeError"));
    }

    [Fact]
    public void Dispose_OfAClientFirst_WaitsForItsThings()
    {
        var (fake, client) = FakePrograms.Start();
        var program = client.Compile(Programs.Add);
        var buffer = FakePrograms.Upload(client, 1);

        client.Dispose();
        Assert.Equal(0, fake.CallsOf("Client_Destroy"));
        using (var execution = program.Execute([buffer, buffer]))
        {
            Assert.Equal([2, 4, 6, 8], FakePrograms.Download(execution.Outputs[0][0]));
        }

        program.Dispose();
        buffer.Dispose();

        Assert.Equal(1, fake.CallsOf("Client_Destroy"));
        Assert.Empty(fake.Violations);
        Assert.Empty(fake.Leaks);
    }

    [Fact]
    public void Use_OfADisposedBuffer_NeverReachesThePlugin()
    {
        var (fake, client) = FakePrograms.Start();
        using var program = client.Compile(Programs.Add);
        using var left = FakePrograms.Upload(client, 1);
        var right = FakePrograms.Upload(client, 1);
        right.Dispose();

        Assert.Throws<ObjectDisposedException>(() => program.Execute([left, right]));
        Assert.Throws<ObjectDisposedException>(() => right.IsDeleted);

        Assert.Equal(0, fake.CallsOf("LoadedExecutable_Execute"));
        Assert.Empty(fake.Violations);
        Assert.Equal([1, 2, 3, 4], FakePrograms.Download(left));
    }

    [Fact]
    public void Finalization_OfForgottenThings_DestroysThemInOrder()
    {
        var fake = Forget();

        for (var round = 0; round < 10 && fake.Leaks.Count > 0; round++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.Empty(fake.Violations);
        Assert.Empty(fake.Leaks);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static FakePlugin Forget()
        {
            var (fake, client) = FakePrograms.Start();
            var program = client.Compile(Programs.Add);
            var buffer = FakePrograms.Upload(client, 1);
            program.Execute([buffer, buffer]);
            return fake;
        }
    }
}
