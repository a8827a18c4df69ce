# What a TPU VM runs: infra/startup-script.sh pulls and starts it. It listens on nothing; it dials the service.
#   docker build -f infra/worker.Dockerfile -t workflows-tpu-worker .
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY . .
RUN dotnet publish src/TpuWorker/Host/Workflows.TpuWorker.Host.csproj -c Release -o /app

# One pinned libtpu for every VM, whatever its runtime brings. Its licence: keep the image in a registry of your own.
RUN apt-get update && apt-get install --yes --no-install-recommends curl unzip \
    && WORKFLOWS_PJRT_FOLDER=/plugins eng/get-pjrt-plugin.sh libtpu

# The program asks for ASP.NET Core too: it also runs beside the service, with the libraries that come with it.
FROM mcr.microsoft.com/dotnet/aspnet:10.0
WORKDIR /app
COPY --from=build /app .
COPY --from=build /plugins /opt/workflows/pjrt
ENV WORKFLOWS_PJRT_FOLDER=/opt/workflows/pjrt
# On a TPU VM the start-up script overrides this: only root may open the TPU's device files there.
USER $APP_UID
# No HEALTHCHECK: the service watches the worker by its stream, replaces its node when it is silent, and docker would do
# nothing.
ENTRYPOINT ["dotnet", "Workflows.TpuWorker.Host.dll"]
