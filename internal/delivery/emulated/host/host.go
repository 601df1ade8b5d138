// Package host stands in for pulumi-language-go, which is in no module that can be required: it runs a compiled program,
// as runtime.options.binary asks for, and needs go on PATH like the real one.
package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// Main is the language host's main function, in a command that has the real one's name.
func Main() {
	h := &host{}
	stop := make(chan bool)
	if len(os.Args) > 1 {
		h.engine = os.Args[len(os.Args)-1]
		// An engine that was killed ends nobody.
		if err := rpcutil.Healthcheck(context.Background(), h.engine, time.Second, func() { close(stop) }); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	server, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{Cancel: stop, Init: func(s *grpc.Server) error {
		pulumirpc.RegisterLanguageRuntimeServer(s, h)
		return nil
	}})
	if err == nil {
		fmt.Println(server.Port)
		err = <-server.Done
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	engine string
}

// Handshake gives the engine's address where the arguments do not.
func (h *host) Handshake(_ context.Context, r *pulumirpc.LanguageHandshakeRequest) (*pulumirpc.LanguageHandshakeResponse, error) {
	h.engine = r.GetEngineAddress()
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

// GetPluginInfo says nothing of interest.
func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: "3.250.0"}, nil
}

// GetRequiredPackages finds none where there is no go.mod, like the real one.
func (h *host) GetRequiredPackages(_ context.Context, r *pulumirpc.GetRequiredPackagesRequest) (*pulumirpc.GetRequiredPackagesResponse, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return nil, fmt.Errorf("couldn't find go binary: %w", err)
	}
	if _, err := os.Stat(r.GetInfo().GetProgramDirectory() + "/go.mod"); err == nil {
		return nil, errors.New("the real language host would now download every module of go.mod")
	}
	return &pulumirpc.GetRequiredPackagesResponse{}, nil
}

// Run runs the program.
func (h *host) Run(_ context.Context, r *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	binary, _ := r.GetInfo().GetOptions().AsMap()["binary"].(string)
	if binary == "" {
		return nil, errors.New("runtime.options.binary is not set: the real language host would compile the program")
	}
	config, err := json.Marshal(r.GetConfig())
	if err != nil {
		return nil, err
	}
	secretKeys, err := json.Marshal(r.GetConfigSecretKeys())
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(binary)
	cmd.Dir = r.GetPwd()
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(),
		"PULUMI_ORGANIZATION="+r.GetOrganization(), "PULUMI_PROJECT="+r.GetProject(), "PULUMI_STACK="+r.GetStack(),
		"PULUMI_CONFIG="+string(config), "PULUMI_CONFIG_SECRET_KEYS="+string(secretKeys), "PULUMI_DRY_RUN="+strconv.FormatBool(r.GetDryRun()),
		"PULUMI_PARALLEL="+strconv.Itoa(int(r.GetParallel())), "PULUMI_MONITOR="+r.GetMonitorAddress(), "PULUMI_ENGINE="+h.engine,
		"PULUMI_ROOT_DIRECTORY="+r.GetInfo().GetRootDirectory())
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return &pulumirpc.RunResponse{Bail: exit.ExitCode() == 32, Error: exitText(exit)}, nil
	case err != nil:
		return nil, err
	}
	return &pulumirpc.RunResponse{}, nil
}

// exitText is empty where the program has told the engine what was wrong: it ends with 32 then.
func exitText(exit *exec.ExitError) string {
	if exit.ExitCode() == 32 {
		return ""
	}
	return fmt.Sprintf("program exited with non-zero exit code: %d", exit.ExitCode())
}
