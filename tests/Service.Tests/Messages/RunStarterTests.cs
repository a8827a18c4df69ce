using Grpc.Core;
using Workflows.Service.Messages;
using Workflows.Service.Runs;

namespace Workflows.Service.Tests.Messages;

/// <summary>A message is lost only for a fault of its own.</summary>
public sealed class RunStarterTests
{
    private readonly RunStarter _starter = new(null!);

    public static TheoryData<Exception> Faults =>
    [
        new RpcException(new Status(StatusCode.Unavailable, "away")), new IOException("full"),
        new TaskCanceledException("A call inside took too long, or the service stops."),
        new ObjectDisposedException("engine"), new InvalidDataException("A file of the service is damaged."),
    ];

    [Theory]
    [MemberData(nameof(Faults), DisableDiscoveryEnumeration = true)]
    public async Task Start_ThatAFaultOfTheServiceBreaksOff_IsAskedForAgain(Exception fault)
    {
        var result = await _starter.StartAsync(() => throw fault, "key", TestContext.Current.CancellationToken);

        Assert.Equal(new RunStart.Later(fault.Message, fault), result);
    }

    [Fact]
    public async Task Start_OfAWrongRequest_IsRefused()
    {
        var result = await _starter.StartAsync(
            () => throw new RunRequestException([new FieldError("id", "It is wrong.", "Mend it.")]), "key",
            TestContext.Current.CancellationToken);

        Assert.Equal(RunRequestException.Invalid, Assert.IsType<RunStart.Refused>(result).Code);
    }

    [Fact]
    public async Task Start_WhoseCallerIsGone_IsNoAnswer()
    {
        using var gone = new CancellationTokenSource();
        await gone.CancelAsync();

        await Assert.ThrowsAsync<OperationCanceledException>(
            () => _starter.StartAsync(() => throw new OperationCanceledException(), "key", gone.Token));
    }
}
