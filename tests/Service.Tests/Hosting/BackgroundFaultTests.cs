using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Workflows.Service.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Hosting;

/// <summary>A part in the background that fails leaves the rest of the service alone.</summary>
public sealed class BackgroundFaultTests
{
    [Fact]
    public async Task Build_ForEveryBackgroundPart_LetsTheHostOutliveItsFaults()
    {
        using var folder = new TemporaryFolder("workflows-test-");
        var (application, _) = WorkflowsService.Build(
            [], new ServiceSettings { HttpPort = 0, StateDirectory = folder.Path }, isEmbedded: true);
        await using (application)
        {
            Assert.Equal(
                BackgroundServiceExceptionBehavior.Ignore,
                application.Services.GetRequiredService<IOptions<HostOptions>>().Value
                    .BackgroundServiceExceptionBehavior);
        }
    }
}
