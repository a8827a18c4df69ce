using System.Collections.Concurrent;
using Google.Cloud.Location;
using Google.Cloud.Tpu.V2;
using Google.LongRunning;
using Grpc.Net.Client;
using Workflows.TestKit;
using State = Google.Cloud.Tpu.V2.Node.Types.State;

namespace Workflows.GoogleCloud.Tests.Emulator;

/// <summary>Calls that mean anything or nothing: each is answered, and what they left can be read after a
/// restart.</summary>
public sealed class RandomCallTests
{
    private const string Zone = "us-west4-a";

    private static readonly string[] Known =
    [
        EmulatorHost.Parent(Zone), EmulatorHost.Parent("-"), EmulatorHost.NodeName(Zone, "n"),
        EmulatorHost.NodeName(Zone, "m"), $"{EmulatorHost.Parent(Zone)}/queuedResources/q", "n", "m", "q",
        "v5litepod-4", "v2-alpha-tpuv5-lite", "projects/demo-proj", "metadata", "labels",
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Emulator_CalledWithAnything_AnswersAndKeepsAStateThatOpens(int seed)
    {
        using var folder = new TemporaryFolder("cloud-");
        var random = new Random(seed);
        var messages = new RandomMessages(random, Known);
        Google.Protobuf.Reflection.MethodDescriptor[] methods =
        [
            .. Tpu.Descriptor.Methods, .. Operations.Descriptor.Methods, .. Locations.Descriptor.Methods,
        ];
        var faults = new ConcurrentBag<string>();
        IReadOnlyList<string> left;
        await using (var host = await EmulatorHost.StartAsync(state: folder.Path))
        {
            using var channel = GrpcChannel.ForAddress(host.GrpcAddress);
            await host.CreateAsync(Zone, "n");
            for (var each = 0; each < 400; each++)
            {
                var method = methods[random.Next(methods.Length)];
                var request = messages.Next(method.InputType);
                var status = await RandomCalls.SendAsync(
                    channel.CreateCallInvoker(), method, request, TimeSpan.FromMilliseconds(500),
                    EmulatorHost.Cancellation);
                if (RandomCalls.IsFault(status))
                {
                    faults.Add($"{each}: {method.Name} of {request}: {status}");
                }

                host.Pass(random.NextDouble());
            }

            await host.CreateAsync(Zone, "last");
            left = await NamesAsync(host);
        }

        Assert.Empty(faults);
        await using var next = await EmulatorHost.StartAsync(state: folder.Path);
        Assert.Equal(left, await NamesAsync(next));
    }

    private static async Task<IReadOnlyList<string>> NamesAsync(EmulatorHost host) =>
    [
        .. (await host.Tpu.ListNodesAsync(
            new ListNodesRequest { Parent = EmulatorHost.Parent("-") }, cancellationToken: EmulatorHost.Cancellation))
            .Nodes.Where(node => node.State != State.Deleting).Select(node => node.Name),
    ];
}
